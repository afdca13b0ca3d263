"""A small run of two people in one room that is all well, for tests to spoil in one place."""

from dataclasses import dataclass, field, replace

from tests.faults import records
from tests.faults.checker import Verdict, check
from tests.faults.database import JOINED, LEFT, MESSAGE, Database, Entry
from tests.faults.records import AnyRecord, MessageState

ROOM = "room"
ADA, BOB = "ada", "bob"
STAMP = "2026-11-26T12:00:00.000Z"


def message(seq: int, n: int, nonce: str, sender: str = ADA, body: str = "hello") -> Entry:
    return Entry(ROOM, seq, MESSAGE, sender, n, STAMP, nonce, MessageState(body))


def event(entry: Entry, device: str, at: float, **fields: object) -> records.Event:
    """The entry as a device got it."""
    state = entry.state
    found = records.Event(
        at,
        device,
        1,
        entry.room,
        entry.seq,
        entry.kind,
        entry.stamp,
        f"digest-{entry.seq}",
        True,
        "live",
        entry.nonce if state is not None else None,
        state,
        entry.body,
        entry.target,
        entry.user if state is None and entry.target is None else entry.sender,
        entry.emoji,
        entry.on,
    )
    for name, value in fields.items():
        setattr(found, name, value)
    return found


def made() -> list[Entry]:
    """The room is created with ada and bob in it."""
    return [
        Entry(ROOM, 1, "room.changed", ADA, 0, STAMP),
        Entry(ROOM, 2, JOINED, ADA, 0, STAMP, user=ADA),
        Entry(ROOM, 3, JOINED, ADA, 0, STAMP, user=BOB),
    ]


def left(seq: int, n: int, user: str = BOB) -> Entry:
    return Entry(ROOM, seq, LEFT, ADA, n, STAMP, user=user)


@dataclass
class Run:
    """`log` and `seen` may be changed before `verdict`. ada's device is a1, bob's b1; both begin at head 3."""

    log: list[Entry] = field(default_factory=made)
    seen: list[AnyRecord] = field(default_factory=list)
    read: dict[tuple[str, str], int] = field(default_factory=lambda: {(ROOM, ADA): 2, (ROOM, BOB): 3})
    clock: float = 10.0

    def __post_init__(self) -> None:
        self.seen += [
            records.Device(1.0, "a1", ADA),
            records.Device(1.0, "b1", BOB),
            records.Ready(2.0, "a1", 1, "gateway-1", {ROOM: 3}, {}),
            records.Ready(2.0, "b1", 1, "gateway-2", {ROOM: 3}, {}),
        ]

    def tick(self) -> float:
        self.clock += 0.1
        return self.clock

    def store(self, entry: Entry, *devices: str) -> Entry:
        """Put an entry into the log and show it to these devices."""
        self.log.append(entry)
        for device in devices:
            self.seen.append(event(entry, device, self.tick()))
        return entry

    def say(self, nonce: str, *devices: str, n: int | None = None) -> Entry:
        """ada's device sends, it is stored, acknowledged and shown to these devices (default: both)."""
        seq = self.log[-1].seq + 1
        count = n if n is not None else self.log[-1].n + 1
        self.seen.append(records.Attempt(self.tick(), "a1", ROOM, nonce, 0))
        self.seen.append(records.Attempt(self.tick(), "a1", ROOM, nonce, 1))
        entry = self.store(message(seq, count, nonce), *(devices or ("a1", "b1")))
        self.seen.append(records.Acked(self.tick(), "a1", ROOM, nonce, seq))
        return entry

    def change(self, kind: str, seq: int, **fields: object) -> Entry:
        """An entry of another kind by ada, shown to both; the changed message is stored in its new form."""
        entry = Entry(ROOM, self.log[-1].seq + 1, kind, ADA, self.log[-1].n, STAMP, "op" + kind, target=seq)
        return self.store(replace(entry, **fields), "a1", "b1")  # type: ignore[arg-type]

    def verdict(self) -> Verdict:
        return check(self.seen, Database({ROOM: self.log}, self.read))

    def claims(self) -> set[str]:
        return set(self.verdict().by_claim)
