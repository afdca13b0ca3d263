"""A document of `room_log`: what one write stored for one room.

    {_id: {room, seq: of the first entry}, entries: [{seq, kind, sender, at, n, nonce?, rev?, ...payload}],
     commands: ["sender nonce"]?, change: true?}

`commands` names the commands that these entries carry out; `change` marks that one of the entries changes the room or
its members. Both are left out when they do not apply, which keeps the document out of that index.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from bson import encode
from bson.raw_bson import RawBSONDocument
from msgspec import Struct
from pymongo.errors import WriteError

from services.messaging.rooms.entries import Entry
from warren.chassis.mongo import Document
from warren.contracts import events

RUN = 32
"""Entries in a document at most: it stays far below 16 MiB, and an edit writes little besides its message."""
INSERT_BYTES = 8 * 1024 * 1024
"""Of documents in one command, which may have 16 MiB. One document has at most 2 MiB when it is inserted."""
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


def insertable(runs: Sequence[Run]) -> Iterator[list[RawBSONDocument]]:
    """The documents of runs, in as many lists as commands are needed."""
    documents: list[RawBSONDocument] = []
    size = 0
    for run in runs:
        document = encode(run.document())
        if documents and size + len(document) > INSERT_BYTES:
            yield documents
            documents, size = [], 0
        documents.append(RawBSONDocument(document))
        size += len(document)
    if documents:
        yield documents


def conflict_of(refused: dict[str, Any], runs: Sequence[Run], before: int) -> Conflict:
    """What a write error of the server means; it counts from `before`, an index in `runs`.

    Raises WriteError when it is about something else than a key that is taken.
    """
    if refused.get("code") != DUPLICATE_KEY:
        raise WriteError(refused.get("errmsg", ""), refused.get("code"), refused)
    index = sum(len(run.entries) for run in runs[: before + int(refused["index"])])
    return Conflict(index, "_id" in refused.get("keyPattern", {"_id": 1}))


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
