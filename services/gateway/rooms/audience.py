"""Which sockets get what: who is here, who has which room, and what a socket missed.

Who may receive is kept by the same events in the same order, so nobody gets an event from outside their membership.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from prometheus_client import Counter

from services.gateway.rooms.local_room import LocalRoom, Phase
from services.gateway.rooms.repair import Missed
from services.gateway.sockets.encode import reply_frame, text_frame
from warren.chassis.lifecycle import Tasks
from warren.chassis.telemetry import get_logger
from warren.contracts.errors import Refusal
from warren.contracts.events import Transient
from warren.contracts.limits import RESUME_EVENTS
from warren.contracts.rooms import Listening
from warren.contracts.socket import Reset, RoomAdded

if TYPE_CHECKING:
    from services.gateway.sockets.connection import Connection

DELIVERIES = Counter("warren_deliveries_total", "Events given to sockets.")
log = get_logger("audience")


class Audience:
    """The sockets of this gateway, by user and by room."""

    def __init__(
        self,
        missed: Missed,
        tasks: Tasks,
        on_unneeded: Callable[[LocalRoom], None],
        in_step: Callable[[str], Awaitable[None]],
    ) -> None:
        """`on_unneeded` is told of a room that lost a socket; `in_step` waits until a room is live and may raise
        Refusal."""
        self._missed = missed
        self._tasks = tasks
        self._on_unneeded = on_unneeded
        self._in_step = in_step
        self._users: dict[str, set[Connection]] = {}

    def arrived(self, connection: "Connection") -> None:
        """From here on the user's news reach this socket (rooms that they are added to meanwhile wait for `ready`)."""
        self._users.setdefault(connection.user, set()).add(connection)

    def left(self, connection: "Connection") -> None:
        """A socket is gone."""
        mine = self._users.get(connection.user)
        if mine is not None:
            mine.discard(connection)
            if not mine:
                del self._users[connection.user]
        for room in list(connection.rooms):
            self.part(room, connection)

    def sockets_of(self, user: str) -> set["Connection"]:
        return self._users.get(user, set())

    # A socket and a room

    def join(self, room: LocalRoom, connection: "Connection", after: int | None) -> bool:
        """Give a socket what it missed since `after` (None = nothing) and all that comes. False = not a member.

        `room` must be live: call this in the same tick as `live` returned it.
        """
        since = room.members.get(connection.user)
        if since is None:
            return False
        connection.rooms.add(room)
        self._admit(room, connection, since, room.head if after is None else after)
        return True

    def _admit(self, room: LocalRoom, connection: "Connection", since: int, start: int) -> None:
        """Nobody is given what is from before `since`, their joining."""
        if start > room.head:
            room.ahead.append((connection, start))
        elif start < since - 1 or room.head - start > RESUME_EVENTS:
            self._reset(room, connection)
        else:
            self._catch_up_socket(room, connection, start)

    def _reset(self, room: LocalRoom, connection: "Connection") -> None:
        """The socket loads history itself, and has what comes from here on."""
        connection.send(reply_frame(Reset(room.id, room.head)))
        room.sockets.add(connection)

    def part(self, room: LocalRoom, connection: "Connection") -> None:
        room.sockets.discard(connection)
        room.joining.pop(connection, None)
        room.leaving.pop(connection, None)
        room.forget_ahead(connection)
        connection.rooms.discard(room)
        self._on_unneeded(room)

    def _catch_up_socket(self, room: LocalRoom, connection: "Connection", start: int) -> None:
        """Events after `start` up to `head`: from memory in this tick, else from the log."""
        frames = room.frames_after(start)
        if frames is None:
            this_try = room.joining[connection] = object()
            self._tasks.spawn("resume", self._resume(room, connection, start, this_try))
        else:
            self._give(room, connection, frames)

    def _give(self, room: LocalRoom, connection: "Connection", frames: list[bytes]) -> None:
        if frames:
            connection.send(b"".join(frames))
            DELIVERIES.inc(len(frames))
        room.sockets.add(connection)

    async def _resume(self, room: LocalRoom, connection: "Connection", start: int, this_try: object) -> None:
        """Events that are not in memory here any more come from the log, in pages, until memory has the rest, or until
        the leaving of one who left meanwhile."""
        try:
            while room.joining.get(connection) is this_try:
                if start >= room.leaving.get(connection, start + 1):
                    self._let_go(room, connection)
                    return
                frames = room.frames_after(start)
                if frames is not None and room.phase is Phase.LIVE and connection not in room.leaving:
                    del room.joining[connection]
                    self._give(room, connection, frames)
                    return
                events = await self._missed.events(room.id, start, max(room.head, start + 1))
                end = room.leaving.get(connection, room.head)
                fresh = [event for event in events if start < event.seq <= end]
                if fresh and room.joining.get(connection) is this_try:
                    connection.send(b"".join(text_frame(event.data) for event in fresh))
                    DELIVERIES.inc(len(fresh))
                    start = fresh[-1].seq
                elif room.phase is not Phase.LIVE:
                    await self._in_step(room.id)
        except Refusal as refusal:
            log.warning("a socket could not resume; it is told to load history", room=room.id, error=str(refusal))
            if room.joining.get(connection) is not this_try:
                return
            if connection in room.leaving:
                connection.send(reply_frame(Reset(room.id, room.leaving[connection])))
                self._let_go(room, connection)
            else:
                del room.joining[connection]
                self._reset(room, connection)

    def _let_go(self, room: LocalRoom, connection: "Connection") -> None:
        """A socket has been given everything up to its user's leaving. They may have come back meanwhile."""
        self.part(room, connection)
        since = room.members.get(connection.user)
        if since is not None and not connection.closed:
            connection.rooms.add(room)
            connection.send(reply_frame(RoomAdded("room_added", room.id, since - 1)))
            self._catch_up_socket(room, connection, since - 1)

    # What happens in a room

    def deliver(self, room: LocalRoom, run: list[bytes]) -> None:
        """The same bytes to every socket of the room."""
        if run:
            frames = run[0] if len(run) == 1 else b"".join(run)
            for connection in room.sockets:
                connection.outbound.send(frames)
            DELIVERIES.inc(len(run) * len(room.sockets))
        if room.ahead:
            self._admit_ahead(room)

    def whisper(self, room: LocalRoom, news: Transient) -> None:
        """Typing, receipts and read marks: what a slow reader may miss."""
        frame = text_frame(news.data) if news.data is not None else None
        own = text_frame(news.own) if news.own is not None else None
        for connection in room.sockets:
            chosen = own if connection.user == news.about else frame
            if chosen is not None:
                connection.outbound.send_droppable(chosen)

    def joined(self, room: LocalRoom, user: str, seq: int) -> None:
        room.members[user] = seq
        for connection in list(self.sockets_of(user)):
            if not connection.ready:
                connection.added_meanwhile.add(room.id)
            elif room not in connection.rooms:
                connection.rooms.add(room)
                connection.send(reply_frame(RoomAdded("room_added", room.id, seq - 1)))
                room.sockets.add(connection)

    def has_left(self, room: LocalRoom, user: str) -> None:
        room.members.pop(user, None)
        for connection in list(self.sockets_of(user)):
            if connection in room.joining:  # what it misses ends with its leaving, also when they left twice
                room.leaving.setdefault(connection, room.head)
            else:
                self.part(room, connection)

    def begin_again(self, room: LocalRoom, answer: Listening) -> None:
        """Too much was missed: the room goes on at the owner's cut, and every socket loads history. Who is no member
        there learns so when they do; how far the room is by now is none of their business."""
        known, ahead = room.head, dict(room.ahead)
        room.head = answer.head
        room.recent.clear()
        room.keep_recent(answer.recent)
        room.keep_members(answer.members)
        for connection in room.everybody():
            if connection in room.leaving:
                continue  # is being given what it may have, which ends before this
            if connection.user not in room.members:
                connection.send(reply_frame(Reset(room.id, ahead.get(connection, known))))
                self.part(room, connection)
            elif room.joining.pop(connection, None) is not None or connection in room.sockets:
                self._reset(room, connection)
        self._admit_ahead(room)

    def _admit_ahead(self, room: LocalRoom) -> None:
        waiting, room.ahead = room.ahead, []
        for connection, after in waiting:
            if after > room.head:
                room.ahead.append((connection, after))
            elif not connection.closed:
                self._admit(room, connection, room.members[connection.user], after)
