"""The write path. What has arrived is one write: carried out (`rounds.py`: load the rooms, decide, store), then
projections, fan out, settle, in that order.

While a write is on its way to the disks of a majority, commands gather for the next one: at low load a write has one
message, at high load hundreds. The cost is in the number of writes, not in their size; several at once were slower
(measured on 2 cores). So the next one waits until the gateways that were just answered have sent what gathered there:
taking what only the others sent would make two trains of half the length, each waiting for the other (docs/adr/0019).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from prometheus_client import Histogram

from services.messaging.rooms.cache import RoomCache
from services.messaging.rooms.consumer import Arrived, PartitionConsumer
from services.messaging.rooms.entries import event_of
from services.messaging.rooms.fanout import BEAT_SECONDS, Fanout, Parcel
from services.messaging.rooms.listeners import Listeners
from services.messaging.rooms.pace import Pace
from services.messaging.rooms.rounds import Rounds, until_done
from services.messaging.rooms.work import Item, Outcome, by_room, send_listeners_on
from services.messaging.store.log import RoomLog
from services.messaging.store.members import Projections
from warren.chassis.clock import Clock
from warren.chassis.lifecycle import Tasks
from warren.contracts import rooms
from warren.contracts.events import AnyNotice, Done, MemberAdded, PartitionTaken, RoomEvents

WRITE_SECONDS = Histogram(
    "warren_write_seconds", "From taking commands to handing on their events.", buckets=(0.005, 0.02, 0.1, 0.5, 2, 10)
)


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
        self._rounds = Rounds(cache, store, listeners, clock)
        self._store = store
        self._projections = projections
        self._listeners = listeners
        self._fanout = fanout
        self._notify = notify
        self._put_aside = put_aside
        self._tasks = tasks
        self._settling: asyncio.Queue[tuple[list[Arrived], list[asyncio.Task[None]]]] = asyncio.Queue()
        self._writing = False
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
        while self._consumer.waiting or self._writing:
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
        self._tasks.spawn("forget-gateway", self._listeners.store([], removed))

    async def _write_forever(self) -> None:
        pace = Pace()
        while True:
            taken = await self._consumer.take(pace.expected, pace.patience, pause=pace.pause)
            self._writing = True
            begun = time.monotonic()
            with WRITE_SECONDS.time():
                await self._write(taken)
            pace.wrote(taken, time.monotonic() - begun)
            self._writing = False
            self._written.set()

    async def _write(self, taken: list[Arrived]) -> None:
        await self._tell_what_is_ours({arrived.batch.partition for arrived in taken})
        items = [Item(arrived.batch.gateway, command) for arrived in taken for command in arrived.batch.commands]
        outcomes = await self._rounds.carry_out(by_room(items))
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
            await until_done(lambda: self._projections.apply(changes, counts))
        if edits:
            await until_done(lambda: self._store.apply_changes(edits))
        if reads:
            await until_done(lambda: self._projections.read(reads))
        if unlistens:
            await self._listeners.store([], unlistens)
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
            await until_done(lambda: self._listeners.load(written))

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
