"""A document of `room_log`: what one write stored for one room.

    {_id: {room, seq: of the first entry}, entries: [{seq, kind, sender, at, n, nonce?, rev?, ...payload}],
     commands: ["sender nonce"]?, change: true?}

`commands` names the commands that these entries carry out; `change` marks that one of the entries changes the room or
its members. Both are left out when they do not apply, which keeps the document out of that index.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from pymongo.errors import BulkWriteError

from services.messaging.rooms.entries import Entry
from warren.chassis.mongo import Document
from warren.contracts import events

RUN = 32
"""Entries in a document at most: it stays far below 16 MiB, and an edit writes little besides its message."""
DUPLICATE_KEY = 11000
OWN = frozenset({"seq", "kind", "sender", "nonce", "at", "n", "rev", "room_kind"})
"""Fields of a stored entry that are not its payload."""


class Conflict(Struct, frozen=True):
    """A run that the database refused. `index`: of its first entry. `taken`: its `seq` is taken, so this owner was
    deposed; else one of its commands is stored already."""

    index: int
    taken: bool


class Run(Struct):
    """Entries of one room that follow each other."""

    room: str
    entries: list[Entry]

    def document(self) -> Document:
        document: Document = {
            "_id": {"room": self.room, "seq": self.entries[0].seq},
            "entries": [_stored(entry) for entry in self.entries],
        }
        commands = [command_key(entry.sender, entry.nonce) for entry in self.entries if entry.nonce is not None]
        if commands:
            document["commands"] = commands
        if any(entry.changes for entry in self.entries):
            document["change"] = True
        return document

    @classmethod
    def read(cls, document: Document) -> "Run":
        """Also from a document of which only some fields were asked for."""
        found: Any = document
        room = found["_id"]["room"]
        return cls(room, [entry_of(room, entry) for entry in found.get("entries", ())])


def runs_of(entries: Sequence[Entry]) -> list[Run]:
    """Cut entries, of which those of a room stand together in order, into runs."""
    runs: list[Run] = []
    for entry in entries:
        if not runs or runs[-1].room != entry.room or len(runs[-1].entries) == RUN:
            runs.append(Run(entry.room, []))
        runs[-1].entries.append(entry)
    return runs


def command_key(sender: str, nonce: str) -> str:
    """Neither has a space in it."""
    return f"{sender} {nonce}"


def conflict_of(error: BulkWriteError, runs: Sequence[Run]) -> Conflict:
    """Raises `error` when it is about something else."""
    details = error.details or {}
    first = next(iter(details.get("writeErrors", ())), None)
    if first is None or first.get("code") != DUPLICATE_KEY:
        raise error
    index = sum(len(run.entries) for run in runs[: int(first["index"])])
    return Conflict(index, "_id" in first.get("keyPattern", {"_id": 1}))


def change(entry: Entry) -> Document | None:
    """What an edit, deletion or reaction does to the stored message (`entries.$`) that it is about."""
    payload = entry.payload
    match entry.kind:
        case events.MESSAGE_EDITED:
            update: Document = {"body": payload["body"], "edited_at": entry.at, "rev": entry.seq}
        case events.MESSAGE_DELETED:
            update = {"body": "", "attachments": [], "deleted": True, "rev": entry.seq}
        case events.REACTION_CHANGED:
            pair = {"emoji": payload["emoji"], "user": entry.sender}
            how = "$addToSet" if payload["on"] else "$pull"
            return {how: {"entries.$.reactions": pair}, "$set": {"entries.$.rev": entry.seq}}
        case _:
            return None
    return {"$set": {f"entries.$.{name}": value for name, value in update.items()}}


def _stored(entry: Entry) -> Document:
    document: Document = {
        "seq": entry.seq,
        "kind": entry.kind,
        "sender": entry.sender,
        "at": entry.at,
        "n": entry.n,
        **entry.payload,
    }
    if entry.nonce is not None:
        document["nonce"] = entry.nonce
    if "kind" in entry.payload:  # the room's kind, of room.changed
        document |= {"kind": entry.kind, "room_kind": entry.payload["kind"]}
    return document


def entry_of(room: str, stored: dict[str, Any]) -> Entry:
    """From the form of `_stored`."""
    payload = {name: value for name, value in stored.items() if name not in OWN}
    if "room_kind" in stored:
        payload["kind"] = stored["room_kind"]
    nonce, at, n = stored.get("nonce"), int(stored["at"]), int(stored["n"])
    return Entry(room, int(stored["seq"]), stored["kind"], stored["sender"], nonce, at, n, payload)
