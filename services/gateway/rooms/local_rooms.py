"""The rooms that local sockets need: opened at the owner, kept in step with it, let go when nobody needs them.

`Listen` travels through the room's own queue, so its answer is an exact cut: all up to `head` is history, all after it
arrives live. Only what continues a room's head goes on to its sockets (`audience.py`); a jump starts a repair.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

from services.gateway.rooms.audience import Audience
from services.gateway.rooms.commands import CommandSender
from services.gateway.rooms.local_room import LocalRoom, Phase
from services.gateway.rooms.repair import Missed, covers
from services.gateway.sockets.encode import reply_frame, text_frame
from warren.chassis.lifecycle import Tasks
from warren.chassis.telemetry import get_logger
from warren.contracts import rooms
from warren.contracts.errors import Code, Refusal, not_found
from warren.contracts.events import MemberAdded, RoomEvents, Transient
from warren.contracts.limits import RESUME_EVENTS
from warren.contracts.socket import RoomAdded

if TYPE_CHECKING:
    from services.gateway.sockets.connection import Connection

LINGER_SECONDS = 30.0
HELD_EVENTS = 5_000
RETRY_SECONDS = 0.5
UNLISTEN_AGAIN_SECONDS = 5.0
"""An owner that goes on sending events of a room that nobody needs is told again this much later."""
UNLISTENED_ROOMS = 10_000

ROOMS = Gauge("warren_local_rooms", "Rooms that this gateway listens to.")
GAPS = Counter("warren_gaps_total", "Rooms repaired because events were missing.")
log = get_logger("local-rooms")


class LocalRooms:
    """All rooms of this gateway. `audience`: the sockets that get what comes of them."""

    def __init__(self, commands: CommandSender, missed: Missed, tasks: Tasks) -> None:
        self._commands = commands
        self._missed = missed
        self._tasks = tasks
        self._rooms: dict[str, LocalRoom] = {}
        self._opening: dict[str, asyncio.Future[None]] = {}
        self._unlistened: dict[str, float] = {}
        """When the owner was told that nobody listens to a room."""
        self.audience = Audience(missed, tasks, on_unneeded=self._linger, in_step=self._in_step)

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
            await self._in_step(room_id)

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

    def on_events(self, batch: RoomEvents, source: str) -> None:
        """Contiguous events of one room. Older ones are dropped, a jump starts a repair."""
        room = self._rooms.get(batch.room)
        if room is None:
            self._unlisten(batch.room)
            return
        room.source = source
        if room.phase is Phase.LIVE:
            self._apply(room, batch.events)
        elif len(room.held) < HELD_EVENTS:
            room.held.extend(batch.events)

    def owned_by(self, room_id: str, source: str) -> None:
        """Who answered for a room: a lost batch of that source may have been about it."""
        room = self._rooms.get(room_id)
        if room is not None:
            room.source = source

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
                if room.phase is Phase.LIVE:
                    self._repair(room)
                else:
                    room.repair_again = True

    # Inside

    def _future(self, room_id: str) -> asyncio.Future[None]:
        future = self._opening.get(room_id)
        if future is None or future.done():
            future = self._opening[room_id] = asyncio.get_running_loop().create_future()
            future.add_done_callback(lambda done: done.exception())  # seen, also when nobody waits any more
        return future

    def _in_step(self, room_id: str) -> asyncio.Future[None]:
        """Done when the room is live. Raises Refusal. Who waits may give up; others wait for the same."""
        return asyncio.shield(self._future(room_id))

    def _open(self, room_id: str) -> LocalRoom:
        self._unlistened.pop(room_id, None)
        room = self._rooms[room_id] = LocalRoom(room_id)
        ROOMS.set(len(self._rooms))
        self._future(room_id)
        self._listen(room)
        return room

    def _listen(self, room: LocalRoom) -> None:
        command = rooms.Listen(self._commands.next_ref(), room.id, "", room.head)
        try:
            self._commands.submit(command, lambda answer: self._on_answer(room, answer))
        except Refusal:
            self._listen_later(room)

    def _listen_later(self, room: LocalRoom) -> None:
        def again() -> None:
            if self._rooms.get(room.id) is room and room.phase is not Phase.LIVE:
                self._listen(room)

        asyncio.get_running_loop().call_later(RETRY_SECONDS, again)

    def _on_answer(self, room: LocalRoom, answer: rooms.Answer) -> None:
        if self._rooms.get(room.id) is not room:
            return
        if isinstance(answer, rooms.Listening):
            if room.phase is Phase.OPENING:
                room.head = answer.head
                room.keep_members(answer.members)
                room.keep_recent(answer.recent)
                held, room.held = room.held, []
                self._is_live(room)
                self._apply(room, held)  # an owner that was leaving may have been faster than the answer
            elif room.phase is Phase.REPAIRING:
                self._tasks.spawn("catch-up", self._catch_up(room, answer))
        elif isinstance(answer, rooms.Refused):
            if answer.code == Code.NOT_FOUND:
                self._fail(room, Refusal(Code(answer.code), answer.detail))
            else:
                self._listen_later(room)

    def _fail(self, room: LocalRoom, refusal: Refusal) -> None:
        self._rooms.pop(room.id, None)
        ROOMS.set(len(self._rooms))
        future = self._opening.pop(room.id, None)
        if future is not None and not future.done():
            future.set_exception(refusal)

    def _is_live(self, room: LocalRoom) -> None:
        room.phase = Phase.LIVE
        future = self._opening.pop(room.id, None)
        if future is not None and not future.done():
            future.set_result(None)
        self._linger(room)

    def _repair(self, room: LocalRoom, held: Iterable[rooms.RoomEvent] = ()) -> None:
        GAPS.inc()
        room.phase = Phase.REPAIRING
        room.repair_again = False
        room.held = list(held)
        self._listen(room)

    async def _catch_up(self, room: LocalRoom, answer: rooms.Listening) -> None:
        """Bring a room from its head to the cut that the owner gave."""
        missed = answer.head - room.head
        events: list[rooms.RoomEvent] | None = answer.recent
        if missed > 0 and missed <= RESUME_EVENTS and not covers(answer.recent, room.head):
            try:
                events = await self._missed.events(room.id, room.head, answer.head)
            except Refusal as refusal:
                log.warning("missing events could not be read; trying again", room=room.id, error=str(refusal))
                self._listen_later(room)
                return
        if self._rooms.get(room.id) is not room or room.phase is not Phase.REPAIRING:
            return
        held, room.held = room.held, []
        room.phase = Phase.LIVE
        if missed > RESUME_EVENTS:
            self._jump(room, answer)
        elif missed > 0:
            self._apply(room, events)
        if room.phase is Phase.LIVE and not room.repair_again:
            self._is_live(room)
            self._apply(room, held)
        elif room.phase is Phase.LIVE:
            self._repair(room, held)
        else:
            room.held.extend(held)

    def _jump(self, room: LocalRoom, answer: rooms.Listening) -> None:
        """Too much was missed: every socket loads history."""
        self.audience.begin_again(room, answer)
        for user in room.members:
            for connection in list(self.audience.sockets_of(user)):
                self.welcome(room.id, connection)

    def _apply(self, room: LocalRoom, events: Iterable[rooms.RoomEvent] | None) -> None:
        """Deliver the events that continue `head`."""
        pending = list(events or ())
        run: list[bytes] = []
        for index, event in enumerate(pending):
            if event.seq <= room.head:
                continue
            if event.seq != room.head + 1:
                self.audience.deliver(room, run)
                self._repair(room, pending[index:])
                return
            if event.joined is not None:
                self.audience.deliver(room, run)
                run = []
                self.audience.joined(room, event.joined, event.seq)
            frame = text_frame(event.data)
            room.head = event.seq
            room.recent.append((event.seq, frame))
            run.append(frame)
            if event.left is not None:
                self.audience.deliver(room, run)
                run = []
                self.audience.has_left(room, event.left)
        self.audience.deliver(room, run)

    def _linger(self, room: LocalRoom) -> None:
        """Nobody needs the room: keep it a while, for reconnects, then let it go."""
        if room.needed or room.lingering:
            return
        room.lingering = True

        def let_go() -> None:
            room.lingering = False
            if room.needed or self._rooms.get(room.id) is not room or room.phase is not Phase.LIVE:
                return
            del self._rooms[room.id]
            ROOMS.set(len(self._rooms))
            self._unlisten(room.id)

        asyncio.get_running_loop().call_later(LINGER_SECONDS, let_go)

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
