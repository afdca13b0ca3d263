"""Owners around one log in memory that keeps the two unique keys of the real one. Several make races."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import cast

from pymongo.errors import AutoReconnect
from redis.asyncio import Redis
from redis.exceptions import ConnectionError

from services.messaging.rooms.cache import RoomCache
from services.messaging.rooms.consumer import Arrived, PartitionConsumer, Stream
from services.messaging.rooms.entries import MEMBERSHIP, Entry
from services.messaging.rooms.fanout import Fanout, Parcel
from services.messaging.rooms.listeners import Listeners
from services.messaging.rooms.owner import Owner
from services.messaging.rooms.room import replay
from services.messaging.store.log import RoomLog
from services.messaging.store.members import MemberRecord, Projections, RoomRecord
from services.messaging.store.runs import Conflict, runs_of
from warren.chassis.lifecycle import Tasks
from warren.contracts import rooms
from warren.contracts.events import AnyNotice, MemberAdded, PartitionTaken

NOW = 1_790_000_000_000
GATEWAY = "gateway.g.1"
MakeInstance = Callable[[], "Instance"]


class Log:
    """The log of all rooms. `before_append` runs when a write is about to happen: the moment for a rival."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.starts: set[tuple[str, int]] = set()
        """(room, seq) of the first entry of each run: all that is fenced by the real log too."""
        self.before_append: list[Callable[[], None]] = []
        self.away = 0
        self.writes = 0
        self.changed: set[tuple[str, int]] = set()
        """Changes (room, seq) that have reached their message."""

    def of(self, room: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.room == room]

    async def append(self, entries: Sequence[Entry]) -> Conflict | None:
        await asyncio.sleep(0)
        while self.before_append:
            self.before_append.pop(0)()
        if self.away:
            self.away -= 1
            raise AutoReconnect("no primary")
        self.writes += 1
        index = 0
        for run in runs_of(entries):
            if (run.room, run.entries[0].seq) in self.starts:
                return Conflict(index, taken=True)
            if any(e.nonce is not None and self.find(e.room, e.sender, e.nonce) for e in run.entries):
                return Conflict(index, taken=False)
            self.store(run.entries)
            index += len(run.entries)
        return None

    def store(self, run: Sequence[Entry]) -> None:
        """What a write of one room leaves behind."""
        self.starts.add((run[0].room, run[0].seq))
        self.entries.extend(run)

    def find(self, room: str, sender: str, nonce: str) -> Entry | None:
        key = (room, sender, nonce)
        return next((e for e in self.entries if (e.room, e.sender, e.nonce) == key), None)

    async def by_nonces(self, room: str, pairs: Iterable[tuple[str, str]]) -> list[Entry]:
        return [entry for sender, nonce in pairs if (entry := self.find(room, sender, nonce)) is not None]

    async def by_key(self, keys: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Entry]:
        return {(e.room, e.seq): e for e in self.entries if (e.room, e.seq) in keys}

    async def existing(self, keys: Sequence[tuple[str, int]]) -> set[str]:
        return {room for room, seq in keys if (room, seq) in self.starts}

    async def tail(self, room: str, count: int) -> list[Entry]:
        return self.of(room)[-count:]

    async def changes_after(self, room: str, rev: int) -> list[Entry]:
        return [e for e in self.of(room) if e.seq > rev and e.kind in MEMBERSHIP]

    async def apply_changes(self, entries: Iterable[Entry]) -> None:
        self.changed |= {(entry.room, entry.seq) for entry in entries if "target" in entry.payload}

    async def mend(self, entries: Iterable[Entry]) -> None:
        await self.apply_changes(entries)


class Tables:
    """Projections that are rebuilt from the log each time, and what was applied."""

    def __init__(self) -> None:
        self.applied: list[Entry] = []
        self.counts: dict[str, int] = {}
        self.marks: dict[tuple[str, str], int] = {}

    async def room(self, _room: str) -> RoomRecord | None:
        return None

    async def members(self, _room: str) -> list[MemberRecord]:
        return []

    async def apply(self, entries: Sequence[Entry], counts: dict[str, int]) -> None:
        self.applied += entries
        self.counts |= counts

    async def read(self, marks: dict[tuple[str, str], int]) -> None:
        self.marks |= marks


class MemoryListeners(Listeners):
    """What Redis would hold is shared by all owners."""

    def __init__(self, stored: set[tuple[str, str]]) -> None:
        super().__init__(cast(Redis, None))
        self.away = False
        self._stored = stored

    async def load(self, wanted: object) -> None:
        if self.away:
            raise ConnectionError("Redis is away")
        for room, gateway in self._stored:
            if room in wanted:  # type: ignore[operator]
                self.add(room, gateway)

    async def store(self, added: object, removed: object) -> None:
        self._stored |= set(added)  # type: ignore[call-overload]
        self._stored -= set(removed)  # type: ignore[call-overload]


class Instance:
    """One messaging instance: hand it batches, see what it sends."""

    def __init__(
        self,
        log: Log,
        stored: set[tuple[str, str]],
        tasks: Tasks,
        tables: Tables | None = None,
        listeners: MemoryListeners | None = None,
    ) -> None:
        self.log = log
        self.tables = tables or Tables()
        self.arrivals: asyncio.Queue[Arrived] = asyncio.Queue()
        self.settled: list[int] = []
        self.parcels: list[dict[str, Parcel]] = []
        self.notices: list[AnyNotice] = []
        self.dead: list[tuple[rooms.AnyCommand, Exception]] = []
        self.when_cancelled: Callable[[], Awaitable[None]] | None = None
        """What others do once this one consumes no more."""
        self.expected: set[Stream] = set()
        """Whom the write to come waits for."""
        self.listeners = listeners = listeners or MemoryListeners(stored)
        self.cache = RoomCache(cast(RoomLog, log), cast(Projections, self.tables), listeners)
        self.owner = Owner(
            consumer=cast(PartitionConsumer, self),
            cache=self.cache,
            store=cast(RoomLog, log),
            projections=cast(Projections, self.tables),
            listeners=listeners,
            fanout=cast(Fanout, self),
            notify=self.notify,
            put_aside=self.put_aside,
            clock=lambda: NOW,
            tasks=tasks,
        )
        self._numbers = 0
        self.source = f"messaging-{id(self)}"

    # As PartitionConsumer

    async def take(
        self, expected: Collection[Stream] = (), seconds: float = 0.0, *, pause: float = 0.0
    ) -> list[Arrived]:
        self.expected = set(expected)
        taken = [await self.arrivals.get()]
        while not self.arrivals.empty():
            taken.append(self.arrivals.get_nowait())
        return taken

    async def settle(self, taken: list[Arrived]) -> None:
        self.settled += [arrived.tag for arrived in taken]

    @property
    def waiting(self) -> int:
        return self.arrivals.qsize()

    async def stop_consuming(self) -> None:
        if self.when_cancelled is not None:
            await self.when_cancelled()

    # As Fanout

    def send(self, parcels: dict[str, Parcel]) -> list[asyncio.Task[None]]:
        self.parcels.append(parcels)
        return []

    async def beat(self) -> None: ...

    # The rest

    async def notify(self, notice: AnyNotice) -> None:
        self.notices.append(notice)

    def hear(self, notice: AnyNotice) -> None:
        """What `service.py` does with a notice of another instance."""
        if isinstance(notice, PartitionTaken) and notice.source != self.source:
            self.cache.doubt(lambda _room: True)
            self.owner.disowned(notice.partition)

    async def put_aside(self, command: rooms.AnyCommand, error: Exception) -> None:
        self.dead.append((command, error))

    def arrive(self, *commands: rooms.AnyCommand, gateway: str = GATEWAY) -> int:
        """One batch comes. Returns its number."""
        self._numbers += 1
        batch = rooms.CommandBatch(gateway, 0, self._numbers, list(commands))
        self.arrivals.put_nowait(Arrived(batch, self._numbers, 1))
        return self._numbers

    async def carry_out(self, *commands: rooms.AnyCommand, gateway: str = GATEWAY) -> list[rooms.Answer]:
        """One batch, until it is settled. Returns the answers to its gateway."""
        before = len(self.parcels)
        number = self.arrive(*commands, gateway=gateway)
        async with asyncio.timeout(5):
            while number not in self.settled:
                await asyncio.sleep(0)
        sent = [parcels[gateway] for parcels in self.parcels[before:] if gateway in parcels]
        return [answer for parcel in sent for answer in parcel.answers]

    def told(self, gateway: str = GATEWAY) -> list[int]:
        """The `seq` of the events that a gateway was sent, in order."""
        sent = [parcels[gateway] for parcels in self.parcels if gateway in parcels]
        return [event.seq for parcel in sent for events in parcel.rooms for event in events.events]

    def announced(self) -> list[tuple[str, list[str]]]:
        return [(each.room, each.users) for each in self.notices if isinstance(each, MemberAdded)]


def create(room: str = "r", *members: str) -> rooms.Create:
    return rooms.Create(1, room, "ann", f"op-create-{room}", "group", "R", None, True, list(members))


def post(nonce: str, room: str = "r", user: str = "ann", ref: int = 9) -> rooms.Post:
    return rooms.Post(ref, room, user, nonce, f"body of {nonce}")


def check_log(log: Log) -> None:
    """Contiguous from 1 in every room, nothing twice, and every entry decided as the log then was."""
    for room in {entry.room for entry in log.entries}:
        entries = log.of(room)
        assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
        keys = [(e.sender, e.nonce) for e in entries if e.nonce is not None]
        assert len(keys) == len(set(keys))
        replay(room, entries)


def seqs(answers: list[rooms.Answer]) -> list[int]:
    assert all(isinstance(answer, rooms.Stored) for answer in answers), answers
    return [answer.seq for answer in answers if isinstance(answer, rooms.Stored)]


def codes(answers: list[rooms.Answer]) -> list[str]:
    return [answer.code for answer in answers if isinstance(answer, rooms.Refused)]
