"""What the load client writes down, one JSON object a line, in the order in which it happened.

`at` is seconds of the monotonic clock of the one process that writes. `device` names a client: several devices may
belong to one user. Message-like records keep only what a decision needs.
"""

import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

FLUSH_RECORDS = 2_000
SHORT_BODY = 100


def short(body: str) -> str:
    """A body as it is recorded: long ones by a checksum."""
    return body if len(body) <= SHORT_BODY else f"{body[:16]}#{len(body)}#{zlib.crc32(body.encode()):08x}"


class MessageState(msgspec.Struct, omit_defaults=True, gc=False):
    """What edits, deletions and reactions change. `reactions` are sorted pairs of emoji and user."""

    body: str
    deleted: bool = False
    reactions: list[tuple[str, str]] = []


class Record(msgspec.Struct, tag_field="kind", omit_defaults=True, gc=False):
    """Base. There may be millions: none is part of a cycle, so the garbage collector need not look at them."""

    at: float


class Device(Record, tag="device"):
    """A client exists: it is `user`'s."""

    device: str
    user: str


class Ready(Record, tag="ready"):
    """A connection was accepted. `heads`: where the rooms start that the client did not resume; `resumed`: where the
    others go on."""

    device: str
    connection: int
    server: str
    heads: dict[str, int]
    resumed: dict[str, int]


class Closed(Record, tag="closed"):
    device: str
    connection: int
    code: int | None


class Attempt(Record, tag="attempt"):
    """A user says something (`tries` 0), and each frame that carries it (1, 2 ...), always with the same nonce."""

    device: str
    room: str
    nonce: str
    tries: int


class Acked(Record, tag="acked"):
    """`heeded` is false when the client was told to overlook it, so that it tries again."""

    device: str
    room: str
    nonce: str
    seq: int
    heeded: bool = True


class Refused(Record, tag="refused"):
    """`final`: the client does not try again."""

    device: str
    room: str
    nonce: str
    code: str
    final: bool


class Changed(Record, tag="changed"):
    """An edit, deletion or reaction was acknowledged as `seq` (0: there was nothing to change)."""

    device: str
    room: str
    seq: int


class Event(Record, tag="event"):
    """A durable event as it came: `source` live (off a socket), held (it came live, too early, and its turn is now) or
    history (REST, after a `reset`). `shown`: it was the next one that this client needed, so its user sees it.

    `stamp` is when it happened, by the server. `digest` stands for the content that never changes; `message` is the
    changeable part of a message.created.
    """

    device: str
    connection: int
    room: str
    seq: int
    type: str
    stamp: str
    digest: str
    shown: bool
    source: str = "live"
    nonce: str | None = None
    message: "MessageState | None" = None
    body: str | None = None
    target: int | None = None
    user: str | None = None
    emoji: str | None = None
    on: bool | None = None


class RoomStart(Record, tag="room_start"):
    """A room was added while connected: its events after `head` follow."""

    device: str
    connection: int
    room: str
    head: int


class RoomEnded(Record, tag="room_ended"):
    """A new connection has no such room any more: the user was removed while this device, which had everything up to
    `after`, was away."""

    device: str
    room: str
    after: int


class RoomReset(Record, tag="room_reset"):
    """Too much was missed; the client loads everything up to `head` by REST."""

    device: str
    connection: int
    room: str
    head: int


class Synced(Record, tag="synced"):
    """The client saw a jump and asked for everything after `after`."""

    device: str
    connection: int
    room: str
    after: int


class ReadMark(Record, tag="read_mark"):
    """The last read mark that a device said, after all faults: it must be what the database has."""

    device: str
    room: str
    seq: int


class Unread(Record, tag="unread"):
    """A row of GET /rooms as a device got it after all faults."""

    device: str
    room: str
    head: int
    n: int
    unread: int
    read_seq: int


class Fault(Record, tag="fault"):
    """`phase`: begin (inject is called), done (it returned), heal (heal is called), healed (it returned)."""

    name: str
    phase: str


class Quorum(Record, tag="quorum"):
    """Whether a majority of MongoDB's members run, from now on."""

    there: bool


class Settled(Record, tag="settled"):
    """The load ended and everybody had the time they needed to catch up. `complete` is false when they did not."""

    complete: bool
    detail: str = ""


AnyRecord = (
    Device | Ready | Closed | Attempt | Acked | Refused | Changed | Event | RoomStart | RoomEnded | RoomReset | Synced
    | ReadMark | Unread | Fault | Quorum | Settled
)  # fmt: skip


class Recorder:
    """Keeps the records of a run and writes them to a file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb")
        self._encode = msgspec.json.Encoder().encode
        self._written = 0
        self._others: list[list[AnyRecord]] = []
        self.records: list[AnyRecord] = []

    def add(self, record: AnyRecord) -> None:
        self.records.append(record)
        if len(self.records) - self._written >= FLUSH_RECORDS:
            self._write()

    def extend(self, others: list[AnyRecord]) -> None:
        """Add the records of another process. They join the others when this is closed: there may be a million, and
        sorting them would stop every client for a second."""
        self._others.append(others)

    def close(self) -> None:
        """Everything is in `records` now, as it happened, and in the file, where it came."""
        self._write()
        for others in self._others:
            self._write_lines(others)
            self.records.extend(others)
        self.records.sort(key=_at)
        self._file.close()

    def _write(self) -> None:
        self._write_lines(self.records[self._written :])
        self._written = len(self.records)

    def _write_lines(self, some: list[AnyRecord]) -> None:
        self._file.writelines(self._encode(record) + b"\n" for record in some)


def read(path: Path) -> list[AnyRecord]:
    """The records of a file, as they happened. Raises msgspec.DecodeError, OSError."""
    decode = msgspec.json.Decoder(AnyRecord).decode
    found: list[Any] = [decode(line) for line in path.read_bytes().splitlines() if line]
    return sorted(found, key=_at)


def _at(record: Record) -> float:
    return record.at


def of_kind(records: Iterable[AnyRecord], *kinds: type[Record]) -> list[Any]:
    return [record for record in records if isinstance(record, kinds)]
