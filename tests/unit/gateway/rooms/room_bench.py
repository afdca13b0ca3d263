"""`LocalRooms` between an owner and sockets, none of which needs a server."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

from services.gateway.rooms.commands import CommandSender
from services.gateway.rooms.local_room import LocalRoom
from services.gateway.rooms.local_rooms import LocalRooms
from services.gateway.rooms.repair import Missed
from services.gateway.sockets.connection import Connection
from tests.support.virtual_time import ticks
from warren.chassis.lifecycle import Tasks
from warren.contracts import rooms
from warren.contracts.errors import Code, Refusal
from warren.contracts.events import RoomEvents

ROOM = "lunch"


def upto(first: int, last: int) -> list[int]:
    return list(range(first, last + 1))


def frames_in(data: bytes) -> list[dict[str, Any]]:
    """The JSON objects in a run of server text frames."""
    found = []
    while data:
        assert data[0] == 0x81, "a final text frame"
        size, start = data[1], 2
        if size == 126:
            size, start = int.from_bytes(data[2:4]), 4
        elif size == 127:
            size, start = int.from_bytes(data[2:10]), 10
        found.append(json.loads(data[start : start + size]))
        data = data[start + size :]
    return found


class FakeSocket:
    """A client's socket: `got` is what it was given, in order."""

    def __init__(self, user: str, *, ready: bool = True) -> None:
        self.user = user
        self.ready = ready
        self.closed = False
        self.rooms: set[LocalRoom] = set()
        self.added_meanwhile: set[str] = set()
        self.got: list[dict[str, Any]] = []
        self.dropped_first: list[dict[str, Any]] = []
        self.outbound = self

    def send(self, frames: bytes) -> None:
        self.got += frames_in(frames)

    def send_droppable(self, frames: bytes) -> None:
        self.dropped_first += frames_in(frames)

    @property
    def seqs(self) -> list[int]:
        return [frame["seq"] for frame in self.got if frame["op"] == "event"]

    @property
    def others(self) -> list[tuple[str, int]]:
        """(op, head) of what is not an event."""
        return [(frame["op"], frame["head"]) for frame in self.got if frame["op"] != "event"]

    @property
    def as_connection(self) -> Connection:
        return cast(Connection, self)


class Owner:
    """The room's owner and its log. Keeps what the gateway commands; answers when it is told to."""

    def __init__(self) -> None:
        self.commands: list[rooms.AnyCommand] = []
        self.waiters: dict[int, Callable[[rooms.Answer], None]] = {}
        self.events: list[rooms.RoomEvent] = []
        self.members: dict[str, int] = {}
        self.kept = 300
        self.reads: list[tuple[int, int]] = []
        self.log_is_away = 0
        self.overloaded = False
        self.on_read: Callable[[], None] = lambda: None
        self._refs = 0

    # As CommandSender

    def next_ref(self) -> int:
        self._refs += 1
        return self._refs

    def submit(self, command: rooms.AnyCommand, waiter: Callable[[rooms.Answer], None] | None = None) -> None:
        if self.overloaded:
            raise Refusal(Code.OVERLOADED, "full")
        self.commands.append(command)
        if waiter is not None:
            self.waiters[command.ref] = waiter

    # As Missed

    async def read(self, room: str, after: int, upto: int) -> list[rooms.RoomEvent]:
        assert room == ROOM
        self.reads.append((after, upto))
        self.on_read()
        await ticks(2)
        if self.log_is_away:
            self.log_is_away -= 1
            raise Refusal(Code.UNAVAILABLE, "away")
        return [event for event in self.events if after < event.seq <= upto][:1000]

    # As the owner

    @property
    def head(self) -> int:
        return len(self.events)

    def write(self, *, joined: str | None = None, left: str | None = None) -> rooms.RoomEvent:
        seq = self.head + 1
        data = json.dumps({"op": "event", "room": ROOM, "seq": seq}).encode()
        event = rooms.RoomEvent(seq, data, joined, left)
        self.events.append(event)
        if joined is not None:
            self.members[joined] = seq
        if left is not None:
            del self.members[left]
        return event

    @property
    def listens(self) -> list[rooms.Listen]:
        return [command for command in self.commands if isinstance(command, rooms.Listen)]

    @property
    def unlistens(self) -> int:
        return sum(isinstance(command, rooms.Unlisten) for command in self.commands)

    def listening(self, listen: rooms.Listen) -> rooms.Listening:
        """What the owner says to a Listen now."""
        recent = [event for event in self.events[-self.kept :] if event.seq > listen.after] if self.kept else []
        members = [rooms.MemberSince(user, since) for user, since in self.members.items()]
        return rooms.Listening(listen.ref, ROOM, self.head, members, recent)

    def answer(self) -> None:
        """Answer all Listens that are not answered yet."""
        for listen in self.listens:
            if listen.ref in self.waiters:
                self.waiters.pop(listen.ref)(self.listening(listen))

    def refuse(self, code: Code) -> None:
        for listen in self.listens:
            if listen.ref in self.waiters:
                self.waiters.pop(listen.ref)(rooms.Refused(listen.ref, code, "no"))


class _Missed:
    def __init__(self, owner: Owner) -> None:
        self.events = owner.read


class RoomBench:
    """ann and bob are members; the room has `head` events when the bench is made."""

    def __init__(self, tasks: Tasks, head: int = 10) -> None:
        self.owner = Owner()
        for user in ("ann", "bob"):
            self.owner.write(joined=user)
        for _ in range(head - 2):
            self.owner.write()
        self.rooms = LocalRooms(cast(CommandSender, self.owner), cast(Missed, _Missed(self.owner)), tasks)

    async def live(self) -> LocalRoom:
        opening = self.rooms.live(ROOM)
        self.owner_answers_soon()
        return await opening

    def owner_answers_soon(self) -> None:
        asyncio.get_running_loop().call_soon(self.owner.answer)

    async def socket(self, user: str, after: int | None = None) -> FakeSocket:
        """A ready socket of `user` that has joined the room."""
        made = FakeSocket(user)
        self.rooms.audience.arrived(made.as_connection)
        self.rooms.audience.join(await self.live(), made.as_connection, after)
        return made

    def deliver(self, *events: rooms.RoomEvent) -> None:
        self.rooms.on_events(RoomEvents(ROOM, list(events)))

    def happen(self, count: int = 1) -> None:
        """New events, each delivered to the gateway by itself."""
        for _ in range(count):
            self.deliver(self.owner.write())

    async def catch_up(self) -> None:
        """The owner answers what it was asked, until the gateway is satisfied."""
        await ticks()
        self.owner.answer()
        await ticks(60)
