"""Durable sessions in MongoDB: what Redis may lose is rebuilt from here. Times are milliseconds since 1970.

sessions        one document a session: whose, until when, ended or not, fingerprints of the living refresh tokens
refresh_tokens  `_id` = fingerprint of every refresh token ever given out, with its session: an old one is recognised
Both are removed by MongoDB itself some time after the session's end (`remove_at`).
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from bson.binary import Binary
from pymongo import ASCENDING, ReturnDocument

from services.auth.tokens import Family
from warren.chassis.mongo import Mongo

KEPT_DAYS = 30


class SessionRecord(msgspec.Struct):
    id: str
    user: str
    device: str | None
    created_at: int
    expires_at: int
    family: Family
    revoked_at: int | None = None
    reason: str | None = None

    def is_alive(self, now_ms: int) -> bool:
        return self.revoked_at is None and now_ms < self.expires_at


class SessionRecords:
    def __init__(self, mongo: Mongo) -> None:
        self._sessions = mongo.database["sessions"]
        self._tokens = mongo.database["refresh_tokens"]

    async def ensure_indexes(self) -> None:
        await self._sessions.create_index([("user", ASCENDING), ("expires_at", ASCENDING)], name="user")
        await self._sessions.create_index(
            [("revoked_at", ASCENDING)], name="untold", partialFilterExpression={"untold": True}
        )
        for collection in (self._sessions, self._tokens):
            await collection.create_index([("remove_at", ASCENDING)], expireAfterSeconds=0, name="remove")

    async def add(self, record: SessionRecord) -> None:
        """The token goes first: one without a session is refused like an unknown one."""
        await self.add_token(record.family.current[0], record)
        document = msgspec.to_builtins(record, builtin_types=(bytes,))
        document["_id"] = document.pop("id")
        await self._sessions.insert_one({**document, "remove_at": _remove_at(record)})

    async def add_token(self, token: bytes, record: SessionRecord) -> None:
        await self._tokens.insert_one({"_id": Binary(token), "session": record.id, "remove_at": _remove_at(record)})

    async def by_id(self, session: str) -> SessionRecord | None:
        document = await self._sessions.find_one({"_id": session})
        return _record(document) if document else None

    async def by_token(self, token: bytes) -> SessionRecord | None:
        """The session that this refresh token was ever given out for."""
        document = await self._tokens.find_one({"_id": Binary(token)})
        return await self.by_id(str(document["session"])) if document else None

    async def replace_family(self, record: SessionRecord, family: Family) -> bool:
        """Compare and set: False when another rotation or the session's end came first."""
        result = await self._sessions.update_one(
            {"_id": record.id, "revoked_at": None, "family.current": record.family.current},
            {"$set": {"family": msgspec.to_builtins(family, builtin_types=(bytes,))}},
        )
        return result.matched_count == 1

    async def revoke(self, session: str, user: str, reason: str, now_ms: int) -> bool:
        """End it, and remember that Redis and the gateways have to be told. False when it has ended before."""
        document = await self._sessions.find_one_and_update(
            {"_id": session, "user": user, "revoked_at": None},
            {"$set": {"revoked_at": now_ms, "reason": reason, "untold": True}},
            return_document=ReturnDocument.AFTER,
        )
        return document is not None

    async def untold(self, before_ms: int, limit: int) -> list[SessionRecord]:
        """Sessions that ended before and about which not everybody was told."""
        query: dict[str, Any] = {"untold": True, "revoked_at": {"$lt": before_ms}}
        return [_record(document) async for document in self._sessions.find(query).limit(limit)]

    async def told(self, session: str) -> None:
        await self._sessions.update_one({"_id": session}, {"$unset": {"untold": ""}})


def _remove_at(record: SessionRecord) -> datetime:
    return datetime.fromtimestamp(record.expires_at / 1000, UTC) + timedelta(days=KEPT_DAYS)


def _record(document: dict[str, object]) -> SessionRecord:
    return msgspec.convert({**document, "id": document["_id"]}, SessionRecord)
