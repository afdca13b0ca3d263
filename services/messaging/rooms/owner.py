"""The write path. What has arrived is one write: load the rooms, decide, store, fan out, settle, in that order.

While a write is on its way to the disks of a majority, commands gather for the next one: at low load a write has one
message, at high load hundreds, without a timer. Several writes at once were slower (measured on 2 cores): the cost is
in the number of writes, not in their size.

Memory may be stale: the broker's single active consumer is a convenience, not a lock. Every entry is fenced by the
log's unique key; what is answered without an entry is fenced by looking whether the log went on without us.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from prometheus_client import Counter, Histogram
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from services.messaging.rooms.cache import RoomCache
from services.messaging.rooms.consumer import Arrived, PartitionConsumer
from services.messaging.rooms.entries import event_of
from services.messaging.rooms.fanout import BEAT_SECONDS, Fanout, Parcel
from services.messaging.rooms.listeners import Listeners
from services.messaging.rooms.room import Known, Room, Target
from services.messaging.rooms.work import (
    Item,
    Outcome,
    by_room,
    decide,
    failed,
    send_listeners_on,
    smaller,
    target_from,
    targets_of,
    unavailable,
)
from services.messaging.store.log import RoomLog
from services.messaging.store.members import Projections
from warren.chassis.clock import Clock
from warren.chassis.lifecycle import Tasks
from warren.chassis.telemetry import get_logger
from warren.contracts import events, rooms
from warren.contracts.events import AnyNotice, Done, MemberAdded, PartitionTaken, RoomEvents

AGAIN_SECONDS = 0.2
WRITES = Counter("warren_writes_total", "Writes to the room log.")
ENTRIES = Counter("warren_entries_total", "Entries stored in the room log.")
RELOADS = Counter("warren_room_reloads_total", "Rooms loaded again because their memory could not be trusted.")
WRITE_SECONDS = Histogram(
    "warren_write_seconds", "From taking commands to handing on their events.", buckets=(0.005, 0.02, 0.1, 0.5, 2, 10)
)
log = get_logger("owner")
T = TypeVar("T")
Nonce = tuple[str, str, str]
"""Room, sender, nonce."""


class Owner:
    """Writes for the rooms of all partitions that the broker gives to this instance."""

    def __init__(
        self,
        *,
        consumer: PartitionConsumer,
        cache: RoomCache,
        store: RoomLog,
        projections: Projections,
        listeners: Listeners,
        fanout: Fanout,
        notify: Callable[[AnyNotice], Awaitable[None]],
        put_aside: Callable[[rooms.AnyCommand, Exception], Awaitable[None]],
        clock: Clock,
        tasks: Tasks,
    ) -> None:
        self._consumer = consumer
        self._cache = cache
        self._store = store
        self._projections = projections
        self._listeners = listeners
        self._fanout = fanout
        self._notify = notify
        self._put_aside = put_aside
        self._clock = clock
        self._tasks = tasks
        self._settling: asyncio.Queue[tuple[list[Arrived], list[asyncio.Task[None]]]] = asyncio.Queue()
        self._idle = asyncio.Event()
        self._idle.set()
        self._written = asyncio.Event()
        self._leaving = False
        self._ours: set[int] = set()
        """Partitions of which the other instances know that we own them."""
        self._running: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._running = [
            self._tasks.spawn("write", self._write_forever()),
            self._tasks.spawn("settle", self._settle_forever()),
            self._tasks.spawn("beat", self._beat_forever()),
        ]

    async def stop(self) -> None:
        """Let others take over, finish what has arrived."""
        self._leaving = True
        await self._consumer.stop_consuming()
        while self._consumer.waiting or not self._idle.is_set():
            self._written.clear()
            await self._written.wait()
        await self._settling.join()
        await self._tasks.cancel(*self._running)

    def connection_lost(self) -> None:
        """Others own our rooms now."""
        self._cache.clear()
        self._ours.clear()

    def disowned(self, partition: int) -> None:
        """Somebody else owns, or owned, this partition since we told that we do."""
        self._ours.discard(partition)

    def gateway_gone(self, gateway: str) -> None:
        """Its queue does not exist any more: nothing is sent to it again."""
        removed = [(room, gateway) for room in self._listeners.gone(gateway)]
        self._tasks.spawn("forget-gateway", self._store_listeners([], removed))

    async def _write_forever(self) -> None:
        while True:
            taken = await self._consumer.take()
            self._idle.clear()
            with WRITE_SECONDS.time():
                await self._write(taken)
            self._idle.set()
            self._written.set()

    async def _write(self, taken: list[Arrived]) -> None:
        await self._tell_what_is_ours({arrived.batch.partition for arrived in taken})
        items = [Item(arrived.batch.gateway, command) for arrived in taken for command in arrived.batch.commands]
        outcomes = await self._carry_out(by_room(items))
        await self._apply(outcomes)
        if self._leaving:
            await self._heed_the_next_owner(outcomes)
        parcels = self._pack(outcomes)
        for arrived in taken:
            done = Done(arrived.batch.partition, arrived.batch.number)
            parcels.setdefault(arrived.batch.gateway, Parcel()).done.append(done)
        parcels.pop("", None)  # a replayed dead letter: nobody waits for its answer
        sent = self._fanout.send(parcels)
        await self._settling.put((taken, sent))

    async def _carry_out(self, waiting: dict[str, list[Item]]) -> list[Outcome]:
        """Decide and store until nothing is left. Rooms whose memory was stale go round again."""
        outcomes: list[Outcome] = []
        repeated: set[Nonce] = set()
        while waiting:
            try:
                found, stored = await self._try(waiting, repeated)
            except RedisError as error:  # who listens to the rooms that are not in memory cannot be known
                cold = [room for room in waiting if room not in self._cache]
                log.warning("Redis is not there; rooms that would have to be loaded are refused", rooms=len(cold),
                            error=str(error)[:200])  # fmt: skip
                outcomes.extend(unavailable(room, waiting.pop(room)) for room in cold)
                continue
            except PyMongoError as error:
                log.warning("MongoDB is not there; trying again", error=str(error)[:200], rooms=len(waiting))
                for room in waiting:
                    self._cache.drop(room)
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            except Exception as error:  # one of the commands brings it about: it must not stop all others
                return outcomes + await self._one_by_one(waiting, error)
            outcomes.extend(found)
            repeated |= stored
            done = {outcome.room for outcome in found}
            waiting = {room: items for room, items in waiting.items() if room not in done}
            for room in waiting:
                RELOADS.inc()
                log.warning("loading a room again: the log went on without us, or a rule failed half-way", room=room)
                self._cache.drop(room)
        return outcomes

    async def _one_by_one(self, waiting: dict[str, list[Item]], error: Exception) -> list[Outcome]:
        """Find out which command fails, and put only that one aside."""
        for room in waiting:
            self._cache.drop(room)
        items = [item for items in waiting.values() for item in items]
        if len(items) == 1:
            return [failed(items[0], error)]
        log.warning("a write failed; trying its parts by themselves", commands=len(items), error=repr(error)[:200])
        outcomes: list[Outcome] = []
        for part in smaller(waiting):
            outcomes.extend(await self._carry_out(part))
        return outcomes

    async def _try(self, waiting: dict[str, list[Item]], repeated: set[Nonce]) -> tuple[list[Outcome], set[Nonce]]:
        """One round. Returns what is settled, and nonces of which one turned out to be stored already."""
        found, fresh = await self._cache.get(waiting)
        await self._recall(found, repeated)
        targets = await self._targets([item for items in waiting.values() for item in items])
        at = self._clock()
        outcomes = [decide(found[room], items, at, targets.get(room, {})) for room, items in waiting.items()]
        if listens := [(outcome.room, gateway) for outcome in outcomes for gateway in outcome.listen]:
            await self._store_listeners(listens, [])
        stale = {outcome.room for outcome in outcomes if outcome.torn}
        stale |= await self._stale(outcomes, found, fresh)
        return await self._append([outcome for outcome in outcomes if outcome.room not in stale])

    async def _recall(self, found: dict[str, Room], repeated: set[Nonce]) -> None:
        """Have rooms know what was stored so long ago that it is not in memory."""
        by_room: dict[str, list[tuple[str, str]]] = {}
        for room, sender, nonce in repeated:
            if room in found:
                by_room.setdefault(room, []).append((sender, nonce))
        for room, pairs in by_room.items():
            entries = await self._store.by_nonces(room, pairs)
            await self._store.mend(entries)
            for entry in entries:
                if entry.nonce is not None:
                    found[room].know(entry.sender, entry.nonce, Known(entry.seq, entry.at, event_of(entry)))

    async def _targets(self, items: list[Item]) -> dict[str, dict[int, Target]]:
        """The messages that edits, deletions and reactions are about, by room and seq."""
        keys = targets_of(items)
        if not keys:
            return {}
        found: dict[str, dict[int, Target]] = {}
        for (room, seq), entry in (await self._store.by_key(list(keys))).items():
            if entry.kind == events.MESSAGE_CREATED:
                found.setdefault(room, {})[seq] = target_from(entry)
        return found

    async def _stale(self, outcomes: list[Outcome], found: dict[str, Room], fresh: set[str]) -> set[str]:
        """Rooms that were answered from memory alone although the log has gone on. An outcome with entries needs no
        look: its write is refused if the memory was stale. Who comes to listen is looked up also in rooms that were
        just loaded: the listener is stored first, then the head is compared, while an owner that leaves stores its
        entry first, then looks who listens. So one of the two sees the other."""
        doubtful = [
            (outcome.room, found[outcome.room].head + 1)
            for outcome in outcomes
            if outcome.unfenced and not outcome.entries and (outcome.listen or outcome.room not in fresh)
        ]
        return await self._store.existing(doubtful) if doubtful else set()

    async def _append(self, outcomes: list[Outcome]) -> tuple[list[Outcome], set[Nonce]]:
        """Store the entries of all outcomes with one write. After a conflict everything before it is stored and
        nothing from it on: rooms whose entries are all stored are settled, the others must be loaded again. What they
        have stored comes again as known then, and leads to nothing, so its edits are applied here."""
        entries = [entry for outcome in outcomes for entry in outcome.entries]
        if not entries:
            return outcomes, set()
        WRITES.inc()
        conflict = await self._store.append(entries)
        if conflict is None:
            ENTRIES.inc(len(entries))
            return outcomes, set()
        refused = entries[conflict.index]
        unstored = {entry.room for entry in entries[conflict.index :]}
        settled = [outcome for outcome in outcomes if outcome.room not in unstored]
        cut_short = [entry for entry in entries[: conflict.index] if entry.room in unstored]
        await self._until_done(lambda: self._store.mend(cut_short))
        if conflict.taken:
            return settled, set()
        # Old nonces seldom come alone: all that are left of that room are looked up at once.
        left = [entry for entry in entries[conflict.index :] if entry.room == refused.room]
        return settled, {(entry.room, entry.sender, entry.nonce) for entry in left if entry.nonce is not None}

    async def _apply(self, outcomes: list[Outcome]) -> None:
        """Bring what is derived from the log up to date before anybody hears of it."""
        changes = [entry for outcome in outcomes for entry in outcome.changes]
        edits = [entry for outcome in outcomes for entry in outcome.entries if "target" in entry.payload]
        reads = {(outcome.room, user): seq for outcome in outcomes for user, seq in outcome.reads.items()}
        listens = [(outcome.room, gateway) for outcome in outcomes for gateway in outcome.listen]
        unlistens = [
            (outcome.room, gateway)
            for outcome in outcomes
            for gateway in outcome.unlisten
            if gateway not in outcome.listen  # it went and came back, or will say it again
        ]
        for room, gateway in unlistens:
            self._listeners.remove(room, gateway)
        for room, gateway in listens:
            self._listeners.add(room, gateway)
        if changes:
            counts = {outcome.room: outcome.members for outcome in outcomes if outcome.changes}
            await self._until_done(lambda: self._projections.apply(changes, counts))
        if edits:
            await self._until_done(lambda: self._store.apply_changes(edits))
        if reads:
            await self._until_done(lambda: self._projections.read(reads))
        if unlistens:
            await self._store_listeners([], unlistens)
        await self._announce(outcomes)
        for outcome in outcomes:
            for command, error in outcome.failed:
                await self._put_aside(command, error)

    async def _tell_what_is_ours(self, partitions: set[int]) -> None:
        """Before the first answer: an instance that owned a partition before us, and gets it back while its rooms are
        still in its memory, would not know who came to listen here."""
        if self._leaving:
            return
        for partition in sorted(partitions - self._ours):
            self._ours.add(partition)
            await self._notify(PartitionTaken(self._fanout.source, partition))

    async def _heed_the_next_owner(self, outcomes: list[Outcome]) -> None:
        """Another instance owns our rooms already while we finish what we hold. Who comes to listen must do so there,
        and who did is told what we still stored. Nothing is settled until Redis has said who that is: if we are ended
        first, the next owner gets it all again."""
        for outcome in outcomes:
            send_listeners_on(outcome)
        written = [outcome.room for outcome in outcomes if outcome.entries or outcome.again]
        if written:
            await self._until_done(lambda: self._listeners.load(written))

    async def _until_done(self, work: Callable[[], Awaitable[T]]) -> T:
        """Idempotent work on the databases, until they have done it."""
        while True:
            try:
                return await work()
            except (PyMongoError, RedisError) as error:
                log.warning("the databases are not there; trying again", error=str(error)[:200])
                await asyncio.sleep(AGAIN_SECONDS)

    async def _store_listeners(self, added: list[tuple[str, str]], removed: list[tuple[str, str]]) -> None:
        try:
            await self._listeners.store(added, removed)
        except RedisError as error:  # our memory has them; gateways add themselves again when Redis is back
            log.warning("listeners not stored in Redis", error=str(error)[:200], rooms=len(added))

    async def _announce(self, outcomes: list[Outcome]) -> None:
        """Tell all gateways who became a member of what: those that do not listen to the room yet must learn of it."""
        for outcome in outcomes:
            if outcome.added:
                await self._notify(MemberAdded(outcome.room, outcome.added))

    def _pack(self, outcomes: list[Outcome]) -> dict[str, Parcel]:
        """Sort what came of a write by the gateways that have to hear of it."""
        parcels: dict[str, Parcel] = {}
        for outcome in outcomes:
            for gateway, answer in outcome.answers:
                parcels.setdefault(gateway, Parcel()).answers.append(answer)
            news = [RoomEvents(outcome.room, [event]) for event in outcome.again]
            if outcome.entries:
                news.append(RoomEvents(outcome.room, [event_of(entry) for entry in outcome.entries]))
            if not news and not outcome.transients:
                continue
            for gateway in self._listeners.of(outcome.room):
                parcel = parcels.setdefault(gateway, Parcel())
                parcel.rooms.extend(news)
                parcel.transients.extend(outcome.transients)
        return parcels

    async def _settle_forever(self) -> None:
        """Settle writes in order, each once the broker has its events: what it has not, is delivered again."""
        while True:
            taken, sent = await self._settling.get()
            await asyncio.gather(*sent)
            await self._consumer.settle(taken)
            self._settling.task_done()

    async def _beat_forever(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            await self._fanout.beat()
