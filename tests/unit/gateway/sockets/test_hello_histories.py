"""Whoever comes and goes while rooms are opened, kept for a while and let go: a socket that is ready hears everything
that is said in its rooms from there on, once and in order."""

from collections.abc import Callable
from typing import Any, cast

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from services.gateway.rooms.commands import CommandSender
from services.gateway.rooms.local_room import LocalRoom
from services.gateway.rooms.local_rooms import LINGER_SECONDS, LocalRooms
from services.gateway.rooms.memberships import Memberships
from services.gateway.rooms.repair import Missed
from services.gateway.sessions import Session, Sessions
from services.gateway.sockets.connection import Connection
from services.gateway.sockets.hello import Greeter
from tests.support.virtual_time import VirtualTimeLoop, pass_time, ticks
from tests.unit.gateway.rooms.room_bench import frames_in
from warren.chassis.lifecycle import Tasks
from warren.chassis.rpc_client import RpcClient
from warren.contracts import queries, rooms, socket
from warren.contracts.errors import Code, Refusal
from warren.contracts.events import RoomEvents

ROOMS = ("attic", "hall", "kitchen", "yard")
MINE = {"ann": set(ROOMS), "bob": {"attic"}, "cat": {"hall"}, "dan": {"kitchen"}, "eve": {"yard", "attic"}}
users = st.sampled_from(("ann", "bob", "cat", "dan", "eve"))


class Reader:
    """A socket that says `hello`, and what its client has: the last `seq` of each room."""

    def __init__(self, number: int, user: str) -> None:
        self.id = f"socket-{number}"
        self.user, self.session = user, ""
        self.ready = self.closed = False
        self.rooms: set[LocalRoom] = set()
        self.added_meanwhile: set[str] = set()
        self.outbound = self
        self.has: dict[str, int] = {}

    def send(self, frames: bytes) -> None:
        assert not self.closed, "nothing is given to a socket that is gone"
        for frame in frames_in(frames):
            match frame["op"]:
                case "ready":
                    self.has = frame["rooms"]
                case "event":
                    assert frame["seq"] == self.has[frame["room"]] + 1, f"{frame} after {self.has}"
                    self.has[frame["room"]] += 1
                case other:
                    raise AssertionError(f"{other} is not expected here")

    send_droppable = send

    def refuse(self, refusal: Refusal) -> None:
        assert refusal.code is Code.UNAVAILABLE, "only rooms that did not open in time turn somebody away here"

    def close(self, code: int, _reason: str) -> None:
        self.closed = True


class Owner:
    """Of all rooms: carries out what gateways command when it is told to, and tells who listens then."""

    def __init__(self, members: dict[str, set[str]]) -> None:
        self.members = members
        self.said: dict[str, list[rooms.RoomEvent]] = {room: [] for room in ROOMS}
        self.listening: set[str] = set()
        self.commands: list[tuple[rooms.AnyCommand, Callable[[rooms.Answer], None] | None]] = []
        self.wire: list[Callable[[LocalRooms], None]] = []
        self._refs = 0

    def next_ref(self) -> int:
        self._refs += 1
        return self._refs

    def submit(self, command: rooms.AnyCommand, waiter: Callable[[rooms.Answer], None] | None = None) -> None:
        self.commands.append((command, waiter))

    async def events(self, room: str, after: int, upto: int) -> list[rooms.RoomEvent]:
        await ticks(2)
        return self.said[room][after:upto]

    def say(self, room: str) -> None:
        seq = len(self.said[room]) + 1
        event = rooms.RoomEvent(seq, msgspec.json.encode({"op": "event", "room": room, "seq": seq}))
        self.said[room].append(event)
        if room in self.listening:
            self.wire.append(lambda gateway: gateway.on_events(RoomEvents(room, [event])))

    def work(self) -> None:
        commands, self.commands = self.commands, []
        for command, waiter in commands:
            if isinstance(command, rooms.Unlisten):
                self.listening.discard(command.room)
            if isinstance(command, rooms.Listen) and waiter is not None:
                self.listening.add(command.room)
                said = self.said[command.room]
                members = [rooms.MemberSince(user, 0) for user in sorted(self.members[command.room])]
                cut = rooms.Listening(command.ref, command.room, len(said), members, said[command.after :])
                self.wire.append(lambda _gateway, waiter=waiter, cut=cut: waiter(cut))  # type: ignore[misc]


class Hellos(RuleBasedStateMachine):
    """Sessions and lists of rooms are only said here."""

    @initialize(past=st.lists(st.tuples(users, st.sampled_from((2.0, LINGER_SECONDS / 3))), max_size=6))
    def begin(self, past: list[tuple[str, float]]) -> None:
        """Some rooms were needed before: each is kept a while from then on."""
        self.loop = VirtualTimeLoop()
        self.readers: list[Reader] = []
        self.owner = Owner({room: {user for user, mine in MINE.items() if room in mine} for room in ROOMS})

        async def make() -> None:
            self.tasks = Tasks()
            missed = cast(Missed, self.owner)
            self.rooms = LocalRooms(cast(CommandSender, self.owner), missed, self.tasks)
            self.greeter = Greeter("g", cast(Sessions, self), Memberships(cast(RpcClient, self)), self.rooms)

        self.loop.run_until_complete(make())
        for user, seconds in past:
            self.come_and_go(user)
            self.time_passes(seconds)

    async def authenticate(self, token: str) -> Session:
        await ticks(1)
        return Session(token, "session", 2_000_000_000)

    async def call(self, _method: object, request: queries.RoomsOf) -> queries.RoomIds:
        await ticks(1)
        return queries.RoomIds({user: sorted(MINE[user]) for user in request.users})

    def do(self, work: Callable[[], Any], more: int = 12) -> None:
        async def inside() -> None:
            work()
            await ticks(more)

        self.loop.run_until_complete(inside())
        assert not self.tasks.failed.done(), self.tasks.failed.result()

    @rule(user=users, more=st.integers(0, 12))
    def hello(self, user: str, more: int) -> None:
        reader = Reader(len(self.readers), user)
        self.readers.append(reader)
        greeting = self.greeter.greet(cast(Connection, reader), socket.Hello(user))
        self.do(lambda: self.tasks.spawn("hello", greeting), more)

    @rule(place=st.integers(0, 5))
    def go(self, place: int) -> None:
        reader = self.readers[place % len(self.readers)] if self.readers else None
        if reader is not None and not reader.closed:
            reader.closed = True
            self.do(lambda: self.rooms.audience.left(cast(Connection, reader)))

    @rule()
    def everybody_goes(self) -> None:
        self.check()
        for place in range(len(self.readers)):
            self.go(place)

    @rule(user=users)
    def come_and_go(self, user: str) -> None:
        self.hello(user, 12)
        self.owner_works(100, 12)
        self.go(len(self.readers) - 1)

    @rule(count=st.sampled_from((0, 1, 2, 100, 100)), more=st.integers(0, 12))
    def owner_works(self, count: int, more: int) -> None:
        """So much of what it says arrives."""
        self.owner.work()
        for _ in range(min(count, len(self.owner.wire))):
            item = self.owner.wire.pop(0)
            self.do(lambda item=item: item(self.rooms), more)  # type: ignore[misc]

    @rule(seconds=st.sampled_from((0.6, LINGER_SECONDS / 6, LINGER_SECONDS / 3)))
    def time_passes(self, seconds: float) -> None:
        self.loop.run_until_complete(pass_time(seconds))

    def check(self) -> None:
        """Once all that was said has come."""
        self.owner_works(100, 12)
        for room in ROOMS:
            self.owner.say(room)
        self.owner_works(100, 12)
        for reader in self.readers:
            if reader.ready and not reader.closed:
                heads = {room: len(self.owner.said[room]) for room in MINE[reader.user]}
                assert reader.has == heads, f"{reader.user} has {reader.has} of {heads}"

    def teardown(self) -> None:
        if not hasattr(self, "loop"):
            return
        try:
            for _ in range(3):
                self.time_passes(0.0)
                self.owner_works(100, 12)
            self.check()
            assert all(reader.ready or reader.closed for reader in self.readers), "the owner has answered everything"
        finally:
            self.loop.run_until_complete(self.tasks.cancel_all())
            self.loop.close()


Hellos.TestCase.settings = settings(
    max_examples=200, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
test_a_socket_that_is_ready_hears_all_that_is_said_in_its_rooms = Hellos.TestCase
