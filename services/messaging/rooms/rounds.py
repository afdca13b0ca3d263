"""Commands become entries of the log: load the rooms, decide, store, in rounds until nothing is left.

Memory may be stale: the broker's single active consumer is a convenience, not a lock. Every entry is fenced by the
log's unique key; what is answered without an entry is fenced by looking whether the log went on without us.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from prometheus_client import Counter
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from services.messaging.rooms.cache import RoomCache
from services.messaging.rooms.entries import event_of
from services.messaging.rooms.listeners import Listeners
from services.messaging.rooms.room import Room, Target
from services.messaging.rooms.room_state import Known
from services.messaging.rooms.work import Item, Outcome, decide, failed, smaller, target_from, targets_of, unavailable
from services.messaging.store.log import RoomLog
from warren.chassis.clock import Clock
from warren.chassis.telemetry import get_logger
from warren.contracts import events

AGAIN_SECONDS = 0.2
WRITES = Counter("warren_writes_total", "Writes to the room log.")
ENTRIES = Counter("warren_entries_total", "Entries stored in the room log.")
RELOADS = Counter("warren_room_reloads_total", "Rooms loaded again because their memory could not be trusted.")
log = get_logger("rounds")
T = TypeVar("T")
Nonce = tuple[str, str, str]
"""Room, sender, nonce."""


async def until_done(work: Callable[[], Awaitable[T]]) -> T:
    """Idempotent work on the databases, until they have done it."""
    while True:
        try:
            return await work()
        except (PyMongoError, RedisError) as error:
            log.warning("the databases are not there; trying again", error=str(error)[:200])
            await asyncio.sleep(AGAIN_SECONDS)


class Rounds:
    """What it returns is stored and has not been told to anybody yet."""

    def __init__(self, cache: RoomCache, store: RoomLog, listeners: Listeners, clock: Clock) -> None:
        self._cache = cache
        self._store = store
        self._listeners = listeners
        self._clock = clock

    async def carry_out(self, waiting: dict[str, list[Item]]) -> list[Outcome]:
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
            self._cache.settled(outcome.room for outcome in found if outcome.unfenced)
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
            outcomes.extend(await self.carry_out(part))
        return outcomes

    async def _try(self, waiting: dict[str, list[Item]], repeated: set[Nonce]) -> tuple[list[Outcome], set[Nonce]]:
        """One round. Returns what is settled, and nonces of which one turned out to be stored already."""
        found, fresh = await self._cache.get(waiting)
        await self._recall(found, repeated)
        targets = await self._targets([item for items in waiting.values() for item in items])
        at = self._clock()
        outcomes = [decide(found[room], items, at, targets.get(room, {})) for room, items in waiting.items()]
        if listens := [(outcome.room, gateway) for outcome in outcomes for gateway in outcome.listen]:
            await self._listeners.store(listens, [])
        stale = {outcome.room for outcome in outcomes if outcome.torn}
        stale |= await self._stale(outcomes, found, fresh)
        return await self._append([outcome for outcome in outcomes if outcome.room not in stale])

    async def _recall(self, found: dict[str, Room], repeated: set[Nonce]) -> None:
        """Have rooms know what was stored so long ago that it is not in memory."""
        by_room: dict[str, list[tuple[str, str]]] = {}
        for room, sender, nonce in repeated:
            if room in found:
                by_room.setdefault(room, []).append((sender, nonce))
        await asyncio.gather(*(self._recall_in(found[room], pairs) for room, pairs in by_room.items()))

    async def _recall_in(self, room: Room, pairs: list[tuple[str, str]]) -> None:
        entries = await self._store.by_nonces(room.id, pairs)
        await self._store.mend(entries)
        for entry in entries:
            if entry.nonce is not None:
                room.know(entry.sender, entry.nonce, Known(entry.seq, entry.at, event_of(entry)))

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
        unstored = {entry.room for entry in entries[conflict.index :]}
        settled = [outcome for outcome in outcomes if outcome.room not in unstored]
        cut_short = [entry for entry in entries[: conflict.index] if entry.room in unstored]
        await until_done(lambda: self._store.mend(cut_short))
        if conflict.taken:
            return settled, set()
        # Old nonces seldom come alone: all that are left are looked up at once, in other rooms too. Room by room, a
        # write to 30 rooms took 12 rounds and 4 s after an outage: too late for its senders, who sent it all again.
        left = entries[conflict.index :]
        return settled, {(entry.room, entry.sender, entry.nonce) for entry in left if entry.nonce is not None}
