"""The log itself: contiguous from 1, nothing twice, and only from members."""

from collections.abc import Iterator

from tests.faults.checks.history import History, Violation
from tests.faults.database import DELETED, EDITED, MESSAGE, REACTION, Entry

BY_MEMBERS = (MESSAGE, EDITED, DELETED, REACTION)


def check(history: History) -> Iterator[Violation]:
    for room, entries in history.database.log.items():
        yield from _one_order(room, entries)
        yield from _nothing_twice(room, entries)
        for entry in entries:
            if entry.kind in BY_MEMBERS and not history.is_member_at(room, entry.sender, entry.seq):
                yield Violation("C5", f"{room} #{entry.seq}: {entry.kind} by {entry.sender}, who was no member then")


def _one_order(room: str, entries: list[Entry]) -> Iterator[Violation]:
    seqs = [entry.seq for entry in entries]
    if seqs != list(range(1, len(seqs) + 1)):
        wrong = next(index for index, seq in enumerate(seqs) if seq != index + 1)
        yield Violation("C3", f"{room}: the stored log has #{seqs[wrong]} where #{wrong + 1} is due")
    n = 0
    for entry in entries:
        n += entry.kind == MESSAGE
        if entry.n != n:
            yield Violation("C7", f"{room} #{entry.seq}: counts {entry.n} messages, there are {n}")
            return


def _nothing_twice(room: str, entries: list[Entry]) -> Iterator[Violation]:
    seen: dict[tuple[str, str], int] = {}
    for entry in entries:
        if entry.nonce is None:
            continue
        first = seen.setdefault((entry.sender, entry.nonce), entry.seq)
        if first != entry.seq:
            yield Violation("C2", f"{room}: nonce {entry.nonce} is stored as #{first} and as #{entry.seq}")
