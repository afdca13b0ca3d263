"""Unread counts: what GET /rooms says on every device is head - read, by the log."""

from collections.abc import Iterator

from tests.faults import records
from tests.faults.checks.history import History, Violation


def check(history: History) -> Iterator[Violation]:
    for record in history.records:
        match record:
            case records.Unread():
                yield from _row(history, record)
            case records.ReadMark():
                yield from _mark(history, record)
            case _:
                pass


def _row(history: History, row: records.Unread) -> Iterator[Violation]:
    user, room, head = history.user[row.device], row.room, history.heads[row.room]
    read = history.database.read.get((room, user))
    if read is None or not history.is_member(room, user):
        yield Violation("C7", f"{row.device}: GET /rooms lists {room}, of which {user} is no member")
        return
    n = history.entries[room, head].n
    unread = n - history.entries[room, read].n
    shown, wanted = (row.head, row.n, row.unread, row.read_seq), (head, n, unread, read)
    if shown != wanted:
        yield Violation("C7", f"{row.device}: {room} (head, n, unread, read) is {shown}, the database has {wanted}")


def _mark(history: History, mark: records.ReadMark) -> Iterator[Violation]:
    user = history.user[mark.device]
    read = history.database.read.get((mark.room, user))
    if read is not None and read < mark.seq:
        yield Violation("C7", f"{mark.device} read {mark.room} up to #{mark.seq}, the database has #{read}")
