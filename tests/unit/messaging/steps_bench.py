"""Messaging instances that stop before and after everything they do to the outside, around one log and one queue.

A test lets them go on step by step, in any order, and kills, freezes or deposes them in between.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from copy import copy
from typing import Any, cast

from pymongo.errors import AutoReconnect

from services.messaging.rooms.consumer import Arrived
from services.messaging.rooms.entries import Entry
from services.messaging.rooms.fanout import Parcel
from services.messaging.store.members import MemberRecord, RoomRecord
from tests.unit.messaging.owner_bench import Instance, Log, MemoryListeners, Tables
from warren.chassis.lifecycle import Tasks
from warren.contracts import events, rooms
from warren.contracts.events import AnyNotice

NOT_OF_THE_DATABASE = ("publish", "settle", "notify")


def formed(message: Entry, changes: Iterable[Entry]) -> Entry:
    """A message with its changes applied in order, as the store keeps it."""
    payload: dict[str, Any] = dict(message.payload) | {"reactions": list(message.payload.get("reactions", ()))}
    for entry in changes:
        pair = {"emoji": entry.payload.get("emoji"), "user": entry.sender}
        others = [kept for kept in payload["reactions"] if kept != pair]
        match entry.kind:
            case events.MESSAGE_EDITED:
                payload |= {"body": entry.payload["body"], "edited_at": entry.at}
            case events.MESSAGE_DELETED:
                payload |= {"body": "", "deleted": True}
            case events.REACTION_CHANGED:
                payload["reactions"] = [*others, pair] if entry.payload["on"] else others
    return Entry(message.room, message.seq, message.kind, message.sender, message.nonce, message.at, message.n, payload)


class Disk(Log):
    """The log with the current forms of its messages, kept by `rev` as the real one does."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: dict[tuple[str, int], Entry] = {}
        self.rev: dict[tuple[str, int], int] = {}

    async def apply_changes(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            key = (entry.room, entry.payload.get("target", 0))
            found = next((e for e in self.entries if (e.room, e.seq) == key), None)
            if found is not None and self.rev.get(key, 0) < entry.seq:
                self.forms[key] = formed(self.forms.get(key, found), [entry])
                self.rev[key] = entry.seq

    async def by_key(self, keys: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Entry]:
        found = await super().by_key(keys)
        return {key: self.forms.get(key, entry) for key, entry in found.items()}


class DiskTables(Tables):
    """Rooms and members, kept by `rev` as the real ones are. One room."""

    def __init__(self) -> None:
        super().__init__()
        self.record: RoomRecord | None = None
        self.rows: dict[str, tuple[int, MemberRecord | None]] = {}

    async def room(self, _room: str) -> RoomRecord | None:
        return copy(self.record)

    async def members(self, _room: str) -> list[MemberRecord]:
        return [record for _, record in self.rows.values() if record is not None]

    async def apply(self, entries: Sequence[Entry], counts: dict[str, int]) -> None:
        for entry in entries:
            if entry.kind != events.ROOM_CHANGED:
                self._member(entry)
        for entry in entries:
            payload = entry.payload
            if entry.kind == events.ROOM_CHANGED and self.record is None:
                self.record = RoomRecord(entry.room, payload["kind"], None, None, False, entry.sender, entry.at, 0, 0)
            if self.record is not None and self.record.rev < entry.seq:
                self.record.rev, self.record.members = entry.seq, counts[entry.room]
                if entry.kind == events.ROOM_CHANGED:
                    self.record.name, self.record.topic = payload["name"], payload["topic"]
                    self.record.public = payload["public"]

    def _member(self, entry: Entry) -> None:
        user = entry.payload["user"]
        rev, record = self.rows.get(user, (0, None))
        if rev >= entry.seq:
            return
        if entry.kind == events.MEMBER_LEFT:
            record = None
        elif entry.kind == events.MEMBER_JOINED:
            record = MemberRecord(entry.room, user, entry.payload["role"], entry.seq, entry.seq)
        elif record is not None:
            record = MemberRecord(entry.room, user, entry.payload["role"], record.since, record.read_seq)
        self.rows[user] = (entry.seq, record)


class _Stopping:
    """Everything that is asked of `inner` waits at a gate before and after."""

    def __init__(self, inner: object, process: "Process") -> None:
        self._inner = inner
        self._process = process

    def __getattr__(self, name: str) -> Callable[..., Awaitable[object]]:
        async def call(*arguments: object) -> object:
            await self._process.gate(name)
            if name == "append" and self._process.late:
                self._process.world.two_wrote = True
            result = await getattr(self._inner, name)(*arguments)
            await self._process.gate(f"{name} answered")
            return result

        return call


class _StoppingListeners(MemoryListeners):
    def __init__(self, stored: set[tuple[str, str]], process: "Process") -> None:
        super().__init__(stored)
        self._process = process

    async def load(self, wanted: object) -> None:
        await self._process.gate("load listeners")
        await super().load(wanted)
        await self._process.gate("load listeners answered")

    async def store(self, added: object, removed: object) -> None:
        await self._process.gate("store listeners")
        await super().store(added, removed)
        await self._process.gate("store listeners answered")


class Process(Instance):
    """One messaging instance. `connected` False: the broker has given its work to others, and hears it no more."""

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.name = name
        self.connected = True
        self.late = False
        """Others work already while it finishes what it had in hand."""
        self.gates: list[tuple[str, asyncio.Future[None]]] = []
        self.all_tasks = Tasks()
        disk, tables = _Stopping(world.disk, self), _Stopping(world.tables, self)
        listeners = _StoppingListeners(world.listeners, self)
        super().__init__(cast(Log, disk), world.listeners, self.all_tasks, cast(Tables, tables), listeners)
        self.owner._running = [
            self.all_tasks.spawn("write", self.owner._write_forever()),
            self.all_tasks.spawn("settle", self.owner._settle_forever()),
        ]

    async def gate(self, name: str) -> None:
        gate = (name, asyncio.get_running_loop().create_future())
        self.gates.append(gate)
        try:
            await gate[1]
        finally:
            self.gates.remove(gate)

    def open_gate(self, choice: int, error: Exception | None = None) -> bool:
        """Let one of the things under way go on. What is published leaves in order. False: nothing is under way."""
        first = next((gate for gate in self.gates if gate[0] == "publish"), None)
        ready = [gate for gate in self.gates if gate[0] != "publish" or gate is first]
        if error is not None:
            ready = [gate for gate in ready if gate[0] not in NOT_OF_THE_DATABASE and "listeners" not in gate[0]]
        ready = [gate for gate in ready if not gate[1].done()]
        if not ready:
            return False
        gate = ready[choice % len(ready)]
        if error is None:
            gate[1].set_result(None)
        else:
            gate[1].set_exception(error)
        return True

    @property
    def leaving(self) -> bool:
        return self.owner._leaving

    @property
    def idle(self) -> bool:
        return not self.gates and self.arrivals.empty() and not self.owner._writing

    async def settle(self, taken: list[Arrived]) -> None:
        await self.gate("settle")
        if self.connected:
            self.world.queue.settled(self, {arrived.tag for arrived in taken})

    def send(self, parcels: dict[str, Parcel]) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self._publish(gateway, parcel)) for gateway, parcel in parcels.items()]

    async def _publish(self, gateway: str, parcel: Parcel) -> None:
        await self.gate("publish")
        if self.connected:
            self.world.publish(gateway, parcel)

    async def notify(self, notice: AnyNotice) -> None:
        await self.gate("notify")
        self.notices.append(notice)
        for other in self.world.processes:
            if self.connected and other.connected:
                other.hear(notice)

    async def put_aside(self, command: rooms.AnyCommand, error: Exception) -> None:
        raise AssertionError(f"{command} failed") from error


class Queue:
    """The partition's queue: one consumer at a time, and what it has not settled comes again."""

    def __init__(self) -> None:
        self.ready: deque[rooms.CommandBatch] = deque()
        self.unsettled: dict[Process, dict[int, rooms.CommandBatch]] = {}
        self._tags = 0

    def put(self, batch: rooms.CommandBatch) -> None:
        self.ready.append(batch)

    def deliver(self, process: Process) -> None:
        while self.ready:
            batch = self.ready.popleft()
            self._tags += 1
            self.unsettled.setdefault(process, {})[self._tags] = batch
            process.arrivals.put_nowait(Arrived(batch, self._tags, 1))

    def settled(self, process: Process, tags: set[int]) -> None:
        mine = self.unsettled.get(process, {})
        for tag in tags:
            mine.pop(tag, None)

    def give_back(self, process: Process) -> None:
        """Its connection is gone: what it had comes first again, in order."""
        self.ready.extendleft(reversed(self.unsettled.pop(process, {}).values()))


class World:
    """Two instances of which one is active, what they share, and who is told what they publish."""

    def __init__(self, publish: Callable[[str, Parcel], None]) -> None:
        self.disk = Disk()
        self.tables = DiskTables()
        self.listeners: set[tuple[str, str]] = set()
        self.queue = Queue()
        self.publish = publish
        self.born = 0
        self.processes = [self.bear(), self.bear()]
        self.active = 0
        self.two_wrote = False
        """One stored something while another had in hand what it had answered and not settled."""

    def bear(self) -> Process:
        self.born += 1
        return Process(self, f"messaging-{self.born}")

    async def deliver(self) -> None:
        for index, process in enumerate(self.processes):
            if process.leaving and process.idle and not self.queue.unsettled.get(process):
                await self._end(index)
        process = self.processes[self.active]
        if process.connected and not process.leaving:
            process.late = process.late and not process.idle
            self.queue.deliver(process)

    async def kill(self, index: int) -> None:
        """In the middle of whatever it does. Another starts in its place, and waits."""
        await self._end(index)
        if self.active == index:
            self.active = 1 - index

    async def _end(self, index: int) -> None:
        process = self.processes[index]
        await process.all_tasks.cancel_all()
        for _, gate in process.gates:
            gate.cancel()
        self.queue.give_back(process)
        self.processes[index] = self.bear()

    def depose(self, index: int) -> None:
        """Frozen for too long: the broker gives its work to another. It does not know yet."""
        process = self.processes[index]
        process.connected = False
        process.late = True
        self.queue.give_back(process)
        if self.active == index:
            self.active = 1 - index

    def reconnect(self, index: int) -> None:
        """It has noticed, and waits for its turn with what it still does."""
        process = self.processes[index]
        if not process.connected:
            while not process.arrivals.empty():
                process.arrivals.get_nowait()
            process.owner.connection_lost()
            process.connected = True

    def hand_over(self) -> None:
        """The active one leaves: it gets nothing more, and finishes what it has while the other goes on."""
        self.processes[self.active].owner._leaving = self.two_wrote = True
        self.active = 1 - self.active

    def take_over(self) -> bool:
        """Another is preferred: the broker gives it the partition once the active one has settled what it had. The
        active one is not told, and keeps its rooms in memory. False: it has something in hand."""
        process, other = self.processes[self.active], self.processes[1 - self.active]
        busy = not process.idle or self.queue.unsettled.get(process) or not process.connected
        if not busy and other.connected and not other.leaving:
            self.active = 1 - self.active
        return not busy


DATABASE_AWAY = AutoReconnect("no primary")
