"""Rooms in the owner's memory: loaded from MongoDB when a command needs them, the longest unused dropped first.

Memory is only a cache: the keys of the log decide, and a room that turns out stale is dropped and loaded again.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable

from services.messaging.rooms.entries import MEMBERSHIP, Entry
from services.messaging.rooms.listeners import Listeners
from services.messaging.rooms.room import Room
from services.messaging.rooms.room_state import RECENT_EVENTS, Member, Refusals
from services.messaging.store.log import RoomLog
from services.messaging.store.members import Projections
from warren.contracts.rooms import CANARY_ROOMS

ROOMS_IN_MEMORY = 20_000
LOADS_AT_ONCE = 16


class RoomCache:
    """At most ROOMS_IN_MEMORY rooms."""

    def __init__(self, log: RoomLog, projections: Projections, listeners: Listeners) -> None:
        self._log = log
        self._projections = projections
        self._listeners = listeners
        self._rooms: OrderedDict[str, Room] = OrderedDict()
        self._doubted: set[str] = set()
        self._refusals: OrderedDict[str, Refusals] = OrderedDict()
        """What rooms had refused that were dropped and not loaded again yet."""
        self._clearings = 0
        self._loading = asyncio.Semaphore(LOADS_AT_ONCE)

    def __len__(self) -> int:
        """How many rooms of people are in memory."""
        return sum(not room.startswith(CANARY_ROOMS) for room in self._rooms)

    def __contains__(self, room: str) -> bool:
        return room in self._rooms

    async def get(self, rooms: Iterable[str]) -> tuple[dict[str, Room], set[str]]:
        """The rooms by id, and which of them were loaded just now. Raises PyMongoError, RedisError."""
        wanted = set(rooms)
        for room_id in wanted & self._doubted:
            self.drop(room_id)
        fresh: set[str] = set()
        while missing := [room for room in wanted if room not in self._rooms]:
            fresh.update(missing)
            clearings = self._clearings
            await self._listeners.load(missing)
            loaded = await asyncio.gather(*(self._load(room) for room in missing))
            if clearings != self._clearings:  # their listeners were forgotten while they were loaded
                continue
            for room in loaded:
                room.keep_refusals(self._refusals.pop(room.id, {}))
                self._rooms[room.id] = room
        found = {}
        for room_id in wanted:
            self._rooms.move_to_end(room_id)
            found[room_id] = self._rooms[room_id]
        while len(self._rooms) > ROOMS_IN_MEMORY:
            oldest = next(iter(self._rooms))
            if oldest in wanted:
                break
            self.drop(oldest)
        return found, fresh

    def doubt(self, chosen: Callable[[str], bool]) -> None:
        """Somebody else owned the chosen rooms meanwhile: they are loaded again before they are next used. The log's
        key tells of what was stored, but not of who came to listen."""
        self._doubted.update(room for room in self._rooms if chosen(room))

    def settled(self, rooms: Iterable[str]) -> None:
        """What these rooms refused counts from now on."""
        for room_id in rooms:
            if room := self._rooms.get(room_id):
                room.settle_refusals()

    def drop(self, room_id: str) -> None:
        """Forget a room whose memory cannot be trusted, all but what it has refused: that was said."""
        room = self._rooms.pop(room_id, None)
        if room is not None and (refusals := room.settled_refusals()):
            self._refusals[room_id] = refusals
            if len(self._refusals) > ROOMS_IN_MEMORY:
                self._refusals.popitem(last=False)
        self._doubted.discard(room_id)
        self._listeners.forget(room_id)

    def clear(self) -> None:
        self._rooms.clear()
        self._doubted.clear()
        self._refusals.clear()
        self._clearings += 1
        self._listeners.clear()

    async def _load(self, room_id: str) -> Room:
        """The room as the log has it: projections, the changes that they do not have yet, the recent events."""
        async with self._loading:
            record = await self._projections.room(room_id)
            members = await self._projections.members(room_id)
            changes = await self._log.changes_after(room_id, record.rev if record else 0)
            tail = await self._log.tail(room_id, RECENT_EVENTS)
            await self._log.mend(tail)
        room = Room(room_id)
        if record is not None:
            room.kind = record.kind
            room.name, room.topic, room.public = record.name, record.topic, record.public
            room.created_by, room.created_at = record.created_by, record.created_at
            room.members = {member.user: Member(member.role, member.since) for member in members}
        changes += _later_changes(tail, changes[-1].seq if changes else record.rev if record else 0)
        for entry in changes:
            room.apply_change(entry)
        for entry in tail:
            room.remember(entry)
        if changes:  # a crash came between the log and its projections
            await self._projections.apply(changes, {room_id: len(room.members)})
        return room


def _later_changes(tail: list[Entry], seq: int) -> list[Entry]:
    """Changes that another owner made while we were reading: the head that `tail` shows must not be ahead of the
    members, since the head is what the fence compares."""
    return [entry for entry in tail if entry.seq > seq and entry.kind in MEMBERSHIP]
