"""The rooms that local sockets need: who needs them, what owners say of them, let go when nobody needs them.

That each is what its owner says it is, in order and without a gap, is `in_step.py`.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from services.gateway.rooms.audience import Audience
from services.gateway.rooms.commands import CommandSender
from services.gateway.rooms.in_step import InStep
from services.gateway.rooms.local_room import LocalRoom, Phase
from services.gateway.rooms.repair import Missed
from services.gateway.sockets.encode import reply_frame
from warren.chassis.lifecycle import Tasks
from warren.chassis.telemetry import get_logger
from warren.contracts import rooms
from warren.contracts.errors import Refusal, not_found
from warren.contracts.events import MemberAdded, RoomEvents, Transient
from warren.contracts.socket import RoomAdded

if TYPE_CHECKING:
    from services.gateway.sockets.connection import Connection

LINGER_SECONDS = 30.0
HELD_EVENTS = 5_000
UNLISTEN_AGAIN_SECONDS = 5.0
"""An owner that goes on sending events of a room that nobody needs is told again this much later."""
UNLISTENED_ROOMS = 10_000

log = get_logger("local-rooms")


class LocalRooms:
    """All rooms of this gateway. `audience`: the sockets that get what comes of them."""

    def __init__(self, commands: CommandSender, missed: Missed, tasks: Tasks) -> None:
        self._commands = commands
        self._tasks = tasks
        self._unlistened: dict[str, float] = {}
        """When the owner was told that nobody listens to a room."""
        self.audience = Audience(missed, tasks, on_unneeded=self._linger, in_step=self._wait)
        self._in_step = InStep(
            commands, missed, tasks, self.audience, on_live=self._linger, on_jump=self._welcome_members
        )
        self._rooms = self._in_step.rooms

    def __len__(self) -> int:
        return len(self._rooms)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rooms)

    async def live(self, room_id: str) -> LocalRoom:
        """The room, in step with its owner. Raises Refusal."""
        while True:
            room = self._rooms.get(room_id)
            if room is None:
                room = self._open(room_id)
            if room.phase is Phase.LIVE:
                return room
            await self._in_step.wait(room_id)

    async def sync(self, room_id: str, connection: "Connection", after: int) -> None:
        """A client found a gap: begin anew after `after`. Raises Refusal."""
        room = await self.live(room_id)
        if connection.closed or connection in room.joining:
            return
        room.sockets.discard(connection)
        room.forget_ahead(connection)
        if not self.audience.join(room, connection, after):
            raise not_found("room")

    async def add(self, room_id: str, connection: "Connection") -> None:
        """The user became a member of a room: tell the socket, and give it the events since then."""
        try:
            room = await self.live(room_id)
        except Refusal as refusal:
            log.warning("a room that a user was added to could not be opened", room=room_id, error=str(refusal))
            return
        since = room.members.get(connection.user)
        if since is None or connection.closed or room in connection.rooms:
            return
        connection.send(reply_frame(RoomAdded("room_added", room.id, since - 1)))
        self.audience.join(room, connection, since - 1)

    def welcome(self, room_id: str, connection: "Connection") -> None:
        """The user is a member of a room that this socket may not have yet."""
        if not connection.ready:
            connection.added_meanwhile.add(room_id)
        elif all(room.id != room_id for room in connection.rooms):
            self._tasks.spawn("add-room", self.add(room_id, connection))

    # News from owners

    def on_events(self, batch: RoomEvents) -> None:
        """Contiguous events of one room. Older ones are dropped, a jump starts a repair."""
        room = self._rooms.get(batch.room)
        if room is None:
            self._unlisten(batch.room)
            return
        if room.phase is Phase.LIVE:
            self._in_step.apply(room, batch.events)
        elif len(room.held) < HELD_EVENTS:
            room.held.extend(batch.events)

    def on_transient(self, news: Transient) -> None:
        """Typing, receipts and read marks."""
        room = self._rooms.get(news.room)
        if room is not None:
            self.audience.whisper(room, news)

    def on_added(self, notice: MemberAdded) -> None:
        """Somebody became a member of a room that this gateway may not listen to yet."""
        for user in notice.users:
            for connection in list(self.audience.sockets_of(user)):
                self.welcome(notice.room, connection)

    def repair(self, chosen: Callable[[LocalRoom], bool]) -> None:
        """Events may have been lost: ask the owners of the chosen rooms what was missed."""
        for room in list(self._rooms.values()):
            if room.phase is not Phase.OPENING and chosen(room):
                self._in_step.repair(room)

    # Inside

    def _wait(self, room_id: str) -> asyncio.Future[None]:
        return self._in_step.wait(room_id)

    def _open(self, room_id: str) -> LocalRoom:
        self._unlistened.pop(room_id, None)
        return self._in_step.open(room_id)

    def _welcome_members(self, room: LocalRoom) -> None:
        """Who became a member among the events that were too many to fetch has not heard of it."""
        for user in room.members:
            for connection in list(self.audience.sockets_of(user)):
                self.welcome(room.id, connection)

    def _linger(self, room: LocalRoom) -> None:
        """Nobody needs the room: keep it a while, for reconnects, then let it go."""
        if room.needed:
            return
        if room.lingering is not None:
            room.lingering.cancel()

        def let_go() -> None:
            room.lingering = None
            if room.needed or room.phase is not Phase.LIVE:
                return
            self._in_step.forget(room)
            self._unlisten(room.id)

        room.lingering = asyncio.get_running_loop().call_later(LINGER_SECONDS, let_go)

    def _unlisten(self, room_id: str) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._unlistened.get(room_id, -UNLISTEN_AGAIN_SECONDS) < UNLISTEN_AGAIN_SECONDS:
            return
        if len(self._unlistened) >= UNLISTENED_ROOMS:
            self._unlistened.clear()
        self._unlistened[room_id] = now
        try:
            self._commands.submit(rooms.Unlisten(self._commands.next_ref(), room_id, ""))
        except Refusal:
            log.info("overloaded: the owner is told later that nobody listens", room=room_id)
