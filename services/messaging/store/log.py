"""`room_log`: one document per entry, `_id` {room, seq}, append-only in `seq`.

Two unique keys guard the promises whatever the memory of an owner says: `_id` (one order, and a deposed owner cannot
write) and {room, sender, nonce} (a command is stored once).
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from bson import MaxKey, MinKey
from msgspec import Struct
from pymongo import DESCENDING, UpdateOne
from pymongo.errors import BulkWriteError

from services.messaging.rooms.entries import MEMBERSHIP, Entry
from services.messaging.store.indexes import ROOM_LOG
from warren.chassis.mongo import Document, Mongo
from warren.contracts import events

DUPLICATE_KEY = 11000


class Conflict(Struct, frozen=True):
    """An entry that the database refused. `taken`: its `seq` is taken, so this owner was deposed; else its nonce is
    stored already."""

    index: int
    taken: bool


class RoomLog:
    """Appends and reads entries."""

    def __init__(self, mongo: Mongo) -> None:
        self._log = mongo.database[ROOM_LOG]

    async def append(self, entries: Sequence[Entry]) -> Conflict | None:
        """Store entries in order with one write that a majority has journaled.

        Ordered: at a conflict everything before it is stored and nothing from it on. An unordered write would let a
        deposed owner's later numbers in after its first was refused.
        Raises PyMongoError: unknown what is stored.
        """
        try:
            await self._log.insert_many([to_document(entry) for entry in entries], ordered=True)
        except BulkWriteError as error:
            return _conflict(error)
        return None

    async def apply_changes(self, entries: Iterable[Entry]) -> None:
        """Bring the messages that edits, deletions and reactions are about to their current form.

        Idempotent: `rev`, the `seq` of the last change applied, is only ever raised.
        """
        updates = [update for entry in entries if (update := _change(entry)) is not None]
        if updates:
            await self._log.bulk_write(updates, ordered=True)

    async def mend(self, entries: Iterable[Entry]) -> None:
        """`apply_changes` for those of the entries that their messages do not have, as after a crash in between."""
        changes = [entry for entry in entries if "target" in entry.payload]
        if changes:
            targets = [{"room": room, "seq": seq} for room, seq in {(e.room, e.payload["target"]) for e in changes}]
            found = await self._log.find({"_id": {"$in": targets}}, {"rev": 1}).to_list()
            has = {(_room(document), _seq(document)): _int(document.get("rev") or 0) for document in found}
            await self.apply_changes(e for e in changes if e.seq > has.get((e.room, e.payload["target"]), e.seq))

    async def head(self, room: str) -> tuple[int, int]:
        """`seq` and `n` of the last entry; (0, 0) for a room that does not exist."""
        found = await self._log.find_one(_range(room), {"n": 1}, sort=[("_id", DESCENDING)])
        return (_seq(found), _int(found["n"])) if found else (0, 0)

    async def tail(self, room: str, count: int) -> list[Entry]:
        """The last `count` entries, ascending."""
        found = await self._log.find(_range(room)).sort("_id", DESCENDING).limit(count).to_list()
        return [from_document(document) for document in reversed(found)]

    async def after(self, room: str, after: int, limit: int) -> list[Entry]:
        """Entries with `seq` > after, ascending."""
        found = await self._log.find(_range(room, after)).sort("_id", 1).limit(limit).to_list()
        return [from_document(document) for document in found]

    async def changes_after(self, room: str, rev: int) -> list[Entry]:
        """Entries after `rev` that change the room or its members, ascending."""
        query = {"_id.room": room, "_id.seq": {"$gt": rev}, "change": {"$exists": True}}
        found = await self._log.find(query).sort("_id.seq", 1).hint("changes").to_list()
        return [from_document(document) for document in found]

    async def last_message(self, room: str) -> Entry | None:
        query = _range(room) | {"kind": events.MESSAGE_CREATED}
        found = await self._log.find_one(query, sort=[("_id", DESCENDING)])
        return from_document(found) if found else None

    async def messages(
        self, room: str, *, limit: int, before: int | None = None, after: int | None = None
    ) -> list[Entry]:
        """Messages ascending: the first `limit` with seq > after, else the last `limit` with seq < before."""
        query = _range(room, after or 0, before) | {"kind": events.MESSAGE_CREATED}
        forward = after is not None
        found = await self._log.find(query).sort("_id", 1 if forward else DESCENDING).limit(limit).to_list()
        return [from_document(document) for document in (found if forward else reversed(found))]

    async def by_key(self, keys: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Entry]:
        """Entries by (room, seq); what does not exist is left out."""
        ids = [{"room": room, "seq": seq} for room, seq in keys]
        found = await self._log.find({"_id": {"$in": ids}}).to_list()
        return {(entry.room, entry.seq): entry for entry in map(from_document, found)}

    async def by_nonces(self, room: str, pairs: Iterable[tuple[str, str]]) -> list[Entry]:
        """The entries of a room by (sender, nonce), as far as they are stored, ascending."""
        wanted = set(pairs)
        senders, nonces = ({"$in": list(values)} for values in map(set, zip(*wanted, strict=True)))
        found = await self._log.find({"_id.room": room, "sender": senders, "nonce": nonces}).to_list()
        entries = sorted(map(from_document, found), key=lambda entry: entry.seq)
        return [entry for entry in entries if (entry.sender, entry.nonce) in wanted]

    async def existing(self, keys: Sequence[tuple[str, int]]) -> set[str]:
        """The rooms of those (room, seq) that are taken."""
        ids = [{"room": room, "seq": seq} for room, seq in keys]
        found = await self._log.find({"_id": {"$in": ids}}, {"_id": 1}).to_list()
        return {_room(document) for document in found}

    async def heads(self, rooms: Sequence[str]) -> dict[str, tuple[int, int]]:
        """`head` for several rooms."""
        found = await asyncio.gather(*(self.head(room) for room in rooms))
        return dict(zip(rooms, found, strict=True))


def to_document(entry: Entry) -> Document:
    document: Document = {
        "_id": {"room": entry.room, "seq": entry.seq},
        "kind": entry.kind,
        "sender": entry.sender,
        "at": entry.at,
        "n": entry.n,
        **entry.payload,
    }
    if entry.nonce is not None:
        document["nonce"] = entry.nonce
    if entry.kind in MEMBERSHIP:
        # `kind` of the payload is the room's kind
        document |= {"kind": entry.kind, "room_kind": entry.payload.get("kind"), "change": True}
    return document


def from_document(document: Document) -> Entry:
    payload = {
        key: value for key, value in document.items() if key not in ("_id", "kind", "sender", "at", "n", "nonce", "rev")
    }
    if payload.pop("change", None):
        room_kind = payload.pop("room_kind", None)
        if room_kind is not None:
            payload["kind"] = room_kind
    nonce = document.get("nonce")
    return Entry(
        _room(document),
        _seq(document),
        str(document["kind"]),
        str(document["sender"]),
        str(nonce) if nonce is not None else None,
        _int(document["at"]),
        _int(document["n"]),
        payload,
    )


def _range(room: str, after: int = 0, before: int | None = None) -> Document:
    """`_id`s compare field by field, so a room's entries are one range of the `_id` index."""
    low: Any = after if after else MinKey()
    high: Any = MaxKey() if before is None else before
    return {"_id": {"$gt": {"room": room, "seq": low}, "$lt": {"room": room, "seq": high}}}


def _change(entry: Entry) -> UpdateOne | None:
    payload = entry.payload
    match entry.kind:
        case events.MESSAGE_EDITED:
            change: Document = {"$set": {"body": payload["body"], "edited_at": entry.at, "rev": entry.seq}}
        case events.MESSAGE_DELETED:
            change = {"$set": {"body": "", "attachments": [], "deleted": True, "rev": entry.seq}}
        case events.REACTION_CHANGED:
            pair = {"emoji": payload["emoji"], "user": entry.sender}
            change = {("$addToSet" if payload["on"] else "$pull"): {"reactions": pair}, "$set": {"rev": entry.seq}}
        case _:
            return None
    target = {"room": entry.room, "seq": payload["target"]}
    return UpdateOne({"_id": target, "$or": [{"rev": None}, {"rev": {"$lt": entry.seq}}]}, change)


def _conflict(error: BulkWriteError) -> Conflict:
    details = error.details or {}
    first = next(iter(details.get("writeErrors", ())), None)
    if first is None or first.get("code") != DUPLICATE_KEY:
        raise error
    return Conflict(int(first["index"]), "_id" in first.get("keyPattern", {"_id": 1}))


def _room(document: Document) -> str:
    key: Any = document["_id"]
    return str(key["room"])


def _seq(document: Document) -> int:
    key: Any = document["_id"]
    return int(key["seq"])


def _int(value: object) -> int:
    return int(value)  # type: ignore[call-overload,no-any-return]
