"""`rooms` and `members`: what the log says about rooms and who is in them, for quick queries and quick loading.

Each document carries `rev`, the `seq` of the last change applied, which is only ever raised, so applying the same
change again, or changes after a crash, ends the same.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from pymongo import UpdateOne

from services.messaging.rooms.entries import Entry
from services.messaging.store.indexes import MEMBERS, ROOMS
from warren.chassis.mongo import Document, Mongo
from warren.contracts import events


class MemberRecord(Struct):
    """A member as stored; `read_seq` is the last `seq` they have read."""

    room: str
    user: str
    role: str
    since: int
    read_seq: int


class RoomRecord(Struct):
    """A room as stored; `members` is their number, `rev` the last change of the log that is in here."""

    id: str
    kind: str
    name: str | None
    topic: str | None
    public: bool
    created_by: str
    created_at: int
    members: int
    rev: int


class Projections:
    """Applies changes of the log and reads what came of them."""

    def __init__(self, mongo: Mongo) -> None:
        self._rooms = mongo.database[ROOMS]
        self._members = mongo.database[MEMBERS]

    async def apply(self, entries: Sequence[Entry], counts: dict[str, int]) -> None:
        """Apply membership and room changes. `counts` gives the number of members of each room after them.

        Members before rooms: a room's `rev` says that all changes up to it are in `members`.
        """
        members = [_member_update(entry) for entry in entries if entry.kind != events.ROOM_CHANGED]
        if members:
            await self._members.bulk_write([update for pair in members for update in pair], ordered=True)
        updates: list[UpdateOne] = []
        for entry in entries:
            updates.extend(_room_update(entry, counts[entry.room]))
        if updates:
            await self._rooms.bulk_write(updates, ordered=True)

    async def read(self, marks: dict[tuple[str, str], int]) -> None:
        """Raise `read_seq` of (room, user) to the given `seq`."""
        await self._members.bulk_write(
            [
                UpdateOne({"_id": {"room": room, "user": user}}, {"$max": {"read_seq": seq}})
                for (room, user), seq in marks.items()
            ],
            ordered=False,
        )

    async def room(self, room: str) -> RoomRecord | None:
        found = await self._rooms.find_one({"_id": room})
        return _room_record(found) if found else None

    async def rooms(self, rooms: Sequence[str]) -> dict[str, RoomRecord]:
        found = await self._rooms.find({"_id": {"$in": list(rooms)}}).to_list()
        return {record.id: record for record in map(_room_record, found)}

    async def members(self, room: str, after: str | None = None, limit: int = 0) -> list[MemberRecord]:
        """Members by user id after `after`; `limit` 0 = all."""
        query = {"_id": {"$gt": {"room": room, "user": after or ""}, "$lt": {"room": room, "user": {}}}}
        found = await self._members.find(query | {"left": None}).sort("_id", 1).limit(limit).to_list()
        return [_member_record(document) for document in found]

    async def member(self, room: str, user: str) -> MemberRecord | None:
        found = await self._members.find_one({"_id": {"room": room, "user": user}, "left": None})
        return _member_record(found) if found else None

    async def room_ids(self, users: Sequence[str]) -> dict[str, list[str]]:
        """The ids of the rooms of each user; who has none is left out."""
        query: Document = {"_id.user": {"$in": list(users)}, "left": None}
        found: Any = await self._members.find(query, {"_id": 1}).to_list()
        ids: dict[str, list[str]] = {}
        for document in found:
            ids.setdefault(document["_id"]["user"], []).append(document["_id"]["room"])
        return ids

    async def rooms_of(self, user: str, after: str | None = None, limit: int = 0) -> list[MemberRecord]:
        """The memberships of a user by room id after `after`; `limit` 0 = all."""
        query: Document = {"_id.user": user, "_id.room": {"$gt": after or ""}, "left": None}
        found = await self._members.find(query).sort("_id.room", 1).limit(limit).to_list()
        return [_member_record(document) for document in found]


def _member_update(entry: Entry) -> list[UpdateOne]:
    """A missing document is made with rev 0 first, so that the guarded update never needs an upsert, which would
    collide with a newer document. One who left keeps a document: its `rev` guards against an older join."""
    key = {"room": entry.room, "user": entry.payload["user"]}
    values: Document = {"rev": entry.seq, "left": None}
    if entry.kind == events.MEMBER_LEFT:
        values["left"] = entry.seq
    else:
        values["role"] = entry.payload["role"]
        if entry.kind == events.MEMBER_JOINED:
            values |= {"since": entry.seq, "read_seq": entry.seq}
    return [
        UpdateOne({"_id": key}, {"$setOnInsert": {"rev": 0, "left": 0}}, upsert=True),
        UpdateOne({"_id": key, "rev": {"$lt": entry.seq}}, {"$set": values}),
    ]


def _room_update(entry: Entry, members: int) -> list[UpdateOne]:
    values: Document = {"rev": entry.seq, "members": members}
    if entry.kind == events.ROOM_CHANGED:
        payload = entry.payload
        values |= {key: payload[key] for key in ("name", "topic", "public")}
    updates = [UpdateOne({"_id": entry.room, "rev": {"$lt": entry.seq}}, {"$set": values})]
    if entry.kind == events.ROOM_CHANGED and "kind" in entry.payload:
        first = {"rev": 0, "kind": entry.payload["kind"], "created_by": entry.sender, "created_at": entry.at}
        updates.insert(0, UpdateOne({"_id": entry.room}, {"$setOnInsert": first}, upsert=True))
    return updates


def _member_record(document: Any) -> MemberRecord:
    key = document["_id"]
    return MemberRecord(key["room"], key["user"], document["role"], document["since"], document["read_seq"])


def _room_record(document: Any) -> RoomRecord:
    return RoomRecord(
        document["_id"],
        document["kind"],
        document.get("name"),
        document.get("topic"),
        document.get("public", False),
        document["created_by"],
        document["created_at"],
        document.get("members", 0),
        document["rev"],
    )
