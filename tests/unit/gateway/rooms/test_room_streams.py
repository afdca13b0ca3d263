"""Whatever is lost, repeated or reordered between owner and gateway: a socket sees each event once, in order, without a
gap, from where it began, and nothing from outside its user's membership."""

from collections.abc import Callable, Coroutine
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from services.gateway.rooms.local_room import LocalRoom, Phase
from tests.support.virtual_time import VirtualTimeLoop, pass_time, ticks
from tests.unit.gateway.rooms.room_bench import ROOM, FakeSocket, RoomBench, frames_in
from warren.chassis.lifecycle import Tasks
from warren.contracts import rooms
from warren.contracts.errors import Code, Refusal
from warren.contracts.limits import RESUME_EVENTS

USERS = ("ann", "bob", "cat")
users = st.sampled_from(USERS)
counts = st.sampled_from((1, 1, 1, 2, 3, 5, 40, 350, RESUME_EVENTS + 50))
places = st.integers(0, 5)


class Reader(FakeSocket):
    """A client that knows what it may be given. `cursor`: the last `seq` that it has; `asked` once it said `sync`,
    after which it drops what it has already, as clients do."""

    def __init__(self, machine: "RoomStreams", user: str, cursor: int) -> None:
        super().__init__(user)
        self.machine = machine
        self.cursor = cursor
        self.asked = False
        self.was_reset = False

    def send(self, frames: bytes) -> None:
        assert not self.closed, "nothing is given to a socket that is gone"
        for frame in frames_in(frames):
            match frame["op"]:
                case "event":
                    self.event(frame["seq"])
                case "reset":
                    self.machine.check_reset(self, frame["head"])
                    self.cursor = frame["head"]
                    self.was_reset = True
                case "notice":
                    assert frame["kind"] == "room_added"
                    self.cursor = frame["head"]

    def event(self, seq: int) -> None:
        if seq <= self.cursor and self.asked:
            return
        assert seq == self.cursor + 1, f"#{seq} after #{self.cursor}"
        assert self.machine.entitled(self.user, seq), f"{self.user} is no member at #{seq}"
        self.cursor = seq


class RoomStreams(RuleBasedStateMachine):
    """`wire`: what the owner has sent and the gateway has not received, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualTimeLoop()
        self.intervals: dict[str, list[list[int]]] = {"ann": [[1, 0]], "bob": [[2, 0]]}
        self.wire: list[list[rooms.RoomEvent] | rooms.Listening] = []
        self.readers: list[Reader] = []
        self.log_failed = False

    def on_loop(self, work: Coroutine[Any, Any, Any]) -> Any:
        found = self.loop.run_until_complete(work)
        assert not self.tasks.failed.done(), self.tasks.failed.result()
        return found

    def do(self, work: Callable[[], object]) -> None:
        """As the gateway's loop would, and whatever follows from it at once."""

        async def inside() -> None:
            work()
            await ticks(12)

        self.on_loop(inside())

    def suspect(self) -> None:
        self.bench.rooms.repair(lambda _room: True)

    @initialize(kept=st.sampled_from((0, 3, 300)))
    def begin(self, kept: int) -> None:
        async def make() -> tuple[Tasks, RoomBench]:
            tasks = Tasks()
            return tasks, RoomBench(tasks)

        self.tasks, self.bench = self.loop.run_until_complete(make())
        self.owner = self.bench.owner
        self.owner.kept = kept

    # Who may have what

    def entitled(self, user: str, seq: int) -> bool:
        return any(begin <= seq and (end == 0 or seq <= end) for begin, end in self.intervals.get(user, []))

    def check_reset(self, reader: Reader, head: int) -> None:
        """Only one who missed too much, or has events from before their membership to ask for, or cannot be served. It
        says nothing of what came after they left."""
        since, end = self.intervals[reader.user][-1]
        too_much = self.owner.head - reader.cursor > RESUME_EVENTS
        only_to_look = bool(end) and head == reader.cursor  # left in a jump; the gateway cannot know that they know
        assert too_much or reader.cursor < since - 1 or self.log_failed or only_to_look, (
            f"reset {reader.cursor} to {head} needs a reason"
        )
        assert head >= reader.cursor or reader.asked
        assert self.entitled(reader.user, head), f"{reader.user} is told of #{head}"

    # What happens in the room

    @rule(count=counts)
    def write(self, count: int) -> None:
        self.wire.append([self.owner.write() for _ in range(count)])

    @rule(user=users, more=st.integers(0, 2))
    def come_or_go(self, user: str, more: int) -> None:
        """Alone or with what is said in the same write."""
        batch = [self.owner.write() for _ in range(more)]
        if user in self.owner.members:
            batch.append(self.owner.write(left=user))
            self.intervals[user][-1][1] = batch[-1].seq
        else:
            batch.append(self.owner.write(joined=user))
            self.intervals.setdefault(user, []).append([batch[-1].seq, 0])
        self.wire.append([*batch, *(self.owner.write() for _ in range(more))])

    # What the broker makes of it

    @rule(count=st.integers(1, 4))
    def arrive(self, count: int) -> None:
        for _ in range(count):
            if self.wire:
                item = self.wire.pop(0)
                self.do(lambda item=item: self.take(item))  # type: ignore[misc]

    @rule(place=places)
    def lose(self, place: int) -> None:
        """The stream's numbers show it a little later."""
        if place < len(self.wire):
            lost = self.wire.pop(place)
            if isinstance(lost, rooms.Listening):
                late = rooms.Refused(lost.ref, Code.DEADLINE_EXCEEDED, "no answer in time")
                self.do(lambda: self.answer(lost.ref, late))
            self.do(self.suspect)

    @rule(place=places)
    def repeat(self, place: int) -> None:
        """What a dead owner had told is told again by the next one."""
        if place < len(self.wire) and isinstance(self.wire[place], list):
            self.wire.append(self.wire[place])

    @rule(place=places)
    def part_and_swap(self, place: int) -> None:
        """Events of two owners overtake each other, and a batch comes in two halves."""
        if place + 1 < len(self.wire):
            first, second = self.wire[place], self.wire[place + 1]
            if isinstance(first, list) and isinstance(second, list):
                half = len(first) // 2
                self.wire[place : place + 2] = [first[half:], second, first[:half]]

    @rule()
    def owner_answers(self) -> None:
        """Its cut is now; the answer comes in its turn."""
        for listen in self.owner.listens:
            if listen.ref in self.owner.waiters and all(
                not isinstance(item, rooms.Listening) or item.ref != listen.ref for item in self.wire
            ):
                self.wire.append(self.owner.listening(listen))

    @rule()
    def owner_cannot(self) -> None:
        self.do(lambda: self.owner.refuse(Code.UNAVAILABLE))

    @rule()
    def suspicion(self) -> None:
        """A connection broke, or a number jumped."""
        self.do(self.suspect)

    @rule(times=st.integers(1, 2))
    def log_is_away(self, times: int) -> None:
        self.log_failed = True
        self.owner.log_is_away = times

    @rule(seconds=st.sampled_from((0.6, 40.0)))
    def time_passes(self, seconds: float) -> None:
        self.on_loop(pass_time(seconds))

    # What clients do

    @rule(user=users, behind=st.sampled_from((None, 0, 1, 2, 9, 60, 400)))
    def connect(self, user: str, behind: int | None) -> None:
        """With nothing, or with what it had: also more than this gateway has, from another one."""
        room = self.bench.rooms._rooms.get(ROOM)
        if room is None or room.phase is not Phase.LIVE:
            self.do(lambda: self.tasks.spawn("open", self.opened()))
        elif user in room.members:
            last = self.intervals[user][-1][1] or self.owner.head  # that another gateway may have given to them
            after = None if behind is None else max(last - behind, 0)
            reader = Reader(self, user, room.head if after is None else after)
            self.readers.append(reader)
            self.do(lambda: self.join(room, reader, after))

    def join(self, room: LocalRoom, reader: Reader, after: int | None) -> None:
        self.bench.rooms.audience.arrived(reader.as_connection)
        self.bench.rooms.audience.join(room, reader.as_connection, after)

    async def opened(self) -> None:
        await self.bench.rooms.live(ROOM)

    @rule(place=places)
    def sync(self, place: int) -> None:
        if self.readers:
            reader = self.readers[place % len(self.readers)]
            reader.asked = True

            self.do(lambda: self.tasks.spawn("sync", self.asked(reader)))

    async def asked(self, reader: Reader) -> None:
        try:
            await self.bench.rooms.sync(ROOM, reader.as_connection, reader.cursor)
        except Refusal as refusal:
            assert refusal.code is Code.NOT_FOUND

    @rule(place=places)
    def disconnect(self, place: int) -> None:
        if self.readers:
            reader = self.readers.pop(place % len(self.readers))
            self.do(lambda: self.drop(reader))

    def drop(self, reader: Reader) -> None:
        reader.closed = True
        self.bench.rooms.audience.left(reader.as_connection)

    # How it comes in, and the end

    def take(self, item: list[rooms.RoomEvent] | rooms.Listening) -> None:
        if isinstance(item, rooms.Listening):
            self.answer(item.ref, item)
        elif item:
            self.bench.deliver(*item)

    def answer(self, ref: int, answer: rooms.Answer) -> None:
        waiter = self.owner.waiters.pop(ref, None)
        if waiter is not None:
            waiter(answer)

    def teardown(self) -> None:
        try:
            if hasattr(self, "bench"):
                self.come_to_rest()
                self.check_the_end()
        finally:
            if hasattr(self, "tasks"):
                self.loop.run_until_complete(self.tasks.cancel_all())
            self.loop.close()

    def come_to_rest(self) -> None:
        """Nothing is lost any more, and the gateway has asked once more for what it may have missed."""
        self.owner.log_is_away = 0
        self.do(self.suspect)
        for _ in range(200):
            self.owner_answers()
            self.arrive(len(self.wire) + 1)
            self.on_loop(pass_time(0.6))
            if not self.wire and not self.owner.waiters:
                break
        self.on_loop(ticks(200))
        room = self.bench.rooms._rooms.get(ROOM)
        assert room is None or (room.phase is Phase.LIVE and not room.held), "a room is never left in repair"

    def check_the_end(self) -> None:
        for reader in self.readers:
            begin, end = self.intervals[reader.user][-1]
            assert begin
            left_unseen = end and reader.was_reset and reader.cursor < end  # in a jump: loading history tells them
            what = f"{reader.user} has #{reader.cursor} of {end or 'all'}"
            assert left_unseen or reader.cursor == (end or self.owner.head), what


RoomStreams.TestCase.settings = settings(
    max_examples=200, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
test_a_socket_sees_each_event_once_in_order_whatever_is_lost_on_the_way = RoomStreams.TestCase
