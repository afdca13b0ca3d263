"""Keeps rooms in step with their owners: opened, every event in its order, what was missed fetched.

`Listen` travels through the room's own queue, so its answer is an exact cut: all up to `head` is history, all after it
arrives live. Only what continues a room's head goes on to its sockets (`audience.py`); a jump starts a repair.
"""

import asyncio
from collections.abc import Callable, Iterable

from prometheus_client import Counter, Gauge

from services.gateway.rooms.audience import Audience
from services.gateway.rooms.commands import CommandSender
from services.gateway.rooms.local_room import LocalRoom, Phase
from services.gateway.rooms.repair import Missed, covers
from services.gateway.sockets.encode import text_frame
from warren.chassis.lifecycle import Tasks
from warren.chassis.telemetry import get_logger
from warren.contracts import rooms
from warren.contracts.errors import Code, Refusal
from warren.contracts.limits import RESUME_EVENTS

RETRY_SECONDS = 0.5

ROOMS = Gauge("warren_local_rooms", "Rooms that this gateway listens to.")
GAPS = Counter("warren_gaps_total", "Rooms repaired because events were missing.")
log = get_logger("in-step")


class InStep:
    """All rooms of this gateway, by id in `rooms`, which only this changes."""

    def __init__(
        self,
        commands: CommandSender,
        missed: Missed,
        tasks: Tasks,
        audience: Audience,
        *,
        on_live: Callable[[LocalRoom], None],
        on_jump: Callable[[LocalRoom], None],
    ) -> None:
        """`on_live` is told of a room that is in step again; `on_jump` of one that went on at the owner's cut because
        too much was missed."""
        self._commands = commands
        self._missed = missed
        self._tasks = tasks
        self._audience = audience
        self._on_live = on_live
        self._on_jump = on_jump
        self._opening: dict[str, asyncio.Future[None]] = {}
        self.rooms: dict[str, LocalRoom] = {}

    def open(self, room_id: str) -> LocalRoom:
        """A room that is not here yet: its owner is asked."""
        room = self.rooms[room_id] = LocalRoom(room_id)
        ROOMS.set(len(self.rooms))
        self._future(room_id)
        self._listen(room)
        return room

    def forget(self, room: LocalRoom) -> None:
        self.rooms.pop(room.id, None)
        room.phase = Phase.LET_GO
        ROOMS.set(len(self.rooms))

    def wait(self, room_id: str) -> asyncio.Future[None]:
        """Done when the room is live. Raises Refusal. Who waits may give up; others wait for the same."""
        return asyncio.shield(self._future(room_id))

    def repair(self, room: LocalRoom) -> None:
        """Events of an open room may have been lost: ask its owner, also when it is being asked already."""
        if room.phase is Phase.LIVE:
            self._repair(room)
        else:
            room.repair_again = True

    def apply(self, room: LocalRoom, events: Iterable[rooms.RoomEvent] | None) -> None:
        """Deliver the events that continue the `head` of a live room."""
        pending = list(events or ())
        run: list[bytes] = []
        for index, event in enumerate(pending):
            if event.seq <= room.head:
                continue
            if event.seq != room.head + 1:
                self._audience.deliver(room, run)
                self._repair(room, pending[index:])
                return
            if event.joined is not None:
                self._audience.deliver(room, run)
                run = []
                self._audience.joined(room, event.joined, event.seq)
            frame = text_frame(event.data)
            room.head = event.seq
            room.recent.append((event.seq, frame))
            run.append(frame)
            if event.left is not None:
                self._audience.deliver(room, run)
                run = []
                self._audience.has_left(room, event.left)
        self._audience.deliver(room, run)

    # Asking the owner

    def _future(self, room_id: str) -> asyncio.Future[None]:
        future = self._opening.get(room_id)
        if future is None or future.done():
            future = self._opening[room_id] = asyncio.get_running_loop().create_future()
            future.add_done_callback(lambda done: done.exception())  # seen, also when nobody waits any more
        return future

    def _listen(self, room: LocalRoom) -> None:
        command = rooms.Listen(self._commands.next_ref(), room.id, "", room.head)
        try:
            self._commands.submit(command, lambda answer: self._on_answer(room, answer))
        except Refusal:
            self._listen_later(room)

    def _listen_later(self, room: LocalRoom) -> None:
        def again() -> None:
            if self.rooms.get(room.id) is room and room.phase is not Phase.LIVE:
                self._listen(room)

        asyncio.get_running_loop().call_later(RETRY_SECONDS, again)

    def _on_answer(self, room: LocalRoom, answer: rooms.Answer) -> None:
        if self.rooms.get(room.id) is not room:
            return
        if isinstance(answer, rooms.Listening):
            if room.phase is Phase.OPENING:
                room.head = answer.head
                room.keep_members(answer.members)
                room.keep_recent(answer.recent)
                held, room.held = room.held, []
                self._is_live(room)
                self.apply(room, held)  # an owner that was leaving may have been faster than the answer
            elif room.phase is Phase.REPAIRING:
                self._tasks.spawn("catch-up", self._catch_up(room, answer))
        elif isinstance(answer, rooms.Refused):
            if answer.code == Code.NOT_FOUND:
                self._fail(room, Refusal(Code(answer.code), answer.detail))
            else:
                self._listen_later(room)

    def _fail(self, room: LocalRoom, refusal: Refusal) -> None:
        self.forget(room)
        future = self._opening.pop(room.id, None)
        if future is not None and not future.done():
            future.set_exception(refusal)

    def _is_live(self, room: LocalRoom) -> None:
        room.phase = Phase.LIVE
        future = self._opening.pop(room.id, None)
        if future is not None and not future.done():
            future.set_result(None)
        self._on_live(room)

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
        if self.rooms.get(room.id) is not room or room.phase is not Phase.REPAIRING:
            return
        held, room.held = room.held, []
        room.phase = Phase.LIVE
        if missed > RESUME_EVENTS:
            self._audience.begin_again(room, answer)
            self._on_jump(room)
        elif missed > 0:
            self.apply(room, events)
        if room.phase is Phase.LIVE and not room.repair_again:
            self._is_live(room)
            self.apply(room, held)
        elif room.phase is Phase.LIVE:
            self._repair(room, held)
        else:
            room.held.extend(held)
