"""What MongoDB holds of some rooms, read with a majority's word. Knows the collections by their published names."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import MongoClient
from pymongo.read_concern import ReadConcern

from tests.faults.records import MessageState, short

MESSAGE = "message.created"
EDITED = "message.edited"
DELETED = "message.deleted"
REACTION = "reaction.changed"
JOINED = "member.joined"
LEFT = "member.left"


@dataclass(frozen=True)
class Entry:
    """One entry of a room's log. `state` is what its message has become, `body` what an edit said."""

    room: str
    seq: int
    kind: str
    sender: str
    n: int
    stamp: str
    nonce: str | None = None
    state: MessageState | None = None
    body: str | None = None
    target: int | None = None
    user: str | None = None
    emoji: str | None = None
    on: bool | None = None


@dataclass
class Database:
    """`log`: entries of each room, ascending. `read`: the read mark of each (room, user) who is a member."""

    log: dict[str, list[Entry]] = field(default_factory=dict)
    read: dict[tuple[str, str], int] = field(default_factory=dict)


def snapshot(mongodb_uri: str, rooms: Iterable[str]) -> Database:
    """Raises PyMongoError."""
    found = Database()
    client: MongoClient[dict[str, Any]] = MongoClient(mongodb_uri)
    with client:
        database = client.get_default_database(read_concern=ReadConcern("majority"))
        for room in rooms:
            runs = database["room_log"].find({"_id.room": room}).sort("_id.seq", 1)
            found.log[room] = [_entry(room, entry) for run in runs for entry in run["entries"]]
            for member in database["members"].find({"_id.room": room, "left": None}):
                found.read[room, member["_id"]["user"]] = int(member["read_seq"])
    return found


def _entry(room: str, document: dict[str, Any]) -> Entry:
    kind, body, state = document["kind"], document.get("body"), None
    if kind == MESSAGE:
        pairs = sorted((pair["emoji"], pair["user"]) for pair in document.get("reactions", ()))
        state = MessageState(short(document["body"]), bool(document.get("deleted", False)), pairs)
        body = None
    return Entry(
        room,
        int(document["seq"]),
        kind,
        document["sender"],
        int(document["n"]),
        _stamp(document["at"]),
        document.get("nonce"),
        state,
        short(body) if body is not None else None,
        document.get("target"),
        document.get("user"),
        document.get("emoji"),
        document.get("on"),
    )


def _stamp(ms: int) -> str:
    """Milliseconds since 1970 as clients see them."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(ms))
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{int(ms) % 1000:03d}Z"
