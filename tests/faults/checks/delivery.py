"""Every device: all that its user is entitled to, in the order of the log, once, and nothing else."""

from collections.abc import Iterator

from tests.faults import records
from tests.faults.checks.history import History, View, Violation
from tests.faults.database import Entry


def check(history: History) -> Iterator[Violation]:
    for (device, room), view in history.views.items():
        if room in history.heads:
            yield from _entitled(history, device, room, view)
            yield from _starts(history, device, room, view)
    yield from _order_shown(history)
    yield from _order_on_the_wire(history)
    yield from _as_stored(history)
    for record in history.records:
        match record:
            case records.Event(source="live"):
                user = history.user[record.device]
                if not history.is_member_at(record.room, user, record.seq):
                    yield Violation("C5", f"{record.device} got {record.room} #{record.seq}, and {user} was no member")
            case records.Settled(complete=False):
                yield Violation("C1", f"not caught up in time: {record.detail}")
            case _:
                pass


def missing(history: History, device: str, room: str, view: View) -> list[int]:
    """The seqs that the device should have and has not."""
    found = []
    for interval in history.intervals[room, history.user[device]]:
        upto = min(interval.end, history.heads[room])
        for seq in range(interval.start, int(upto) + 1):
            over = view.ended and seq > (view.position or 0) and upto == interval.end
            if seq not in view.shown and view.needs(seq) and not over:
                found.append(seq)
    return found


def _entitled(history: History, device: str, room: str, view: View) -> Iterator[Violation]:
    lost = missing(history, device, room, view)
    if lost:
        user, last = history.user[device], view.position
        yield Violation(
            "C1", f"{device} ({user}) never got {room} {_ranges(lost)}; it has {last} of {history.heads[room]}"
        )


def _starts(history: History, device: str, room: str, view: View) -> Iterator[Violation]:
    """A room that is added begins with the event that made its user a member."""
    begins = {interval.start for interval in history.intervals[room, history.user[device]]}
    for head in view.starts:
        if head + 1 not in begins:
            yield Violation("C1", f"{device}: {room} was added after #{head}, but no membership begins there")


def _order_shown(history: History) -> Iterator[Violation]:
    """Contiguous from where the device began."""
    at: dict[tuple[str, str], int] = {}
    for record in history.records:
        match record:
            case records.Ready():
                at.update({(record.device, room): head for room, head in record.heads.items()})
            case records.RoomStart():
                at[record.device, record.room] = record.head
            case records.Event(shown=True):
                key = (record.device, record.room)
                last = at.get(key)
                if last is not None and record.seq <= last:
                    yield Violation("C2", f"{record.device} was shown {record.room} #{record.seq} after #{last}")
                elif last is not None and record.seq > last + 1:
                    yield Violation("C3", f"{record.device} was shown {record.room} #{record.seq} after #{last}")
                at[key] = record.seq
            case _:
                pass


def _order_on_the_wire(history: History) -> Iterator[Violation]:
    """A gateway never delivers past a gap: it repairs first. (Repeats are dropped by clients, and only counted.)"""
    at: dict[tuple[str, int, str], int] = {}
    for record in history.records:
        match record:
            case records.Ready():
                for room, head in (record.heads | record.resumed).items():
                    at[record.device, record.connection, room] = head
            case records.RoomStart() | records.RoomReset():
                at[record.device, record.connection, record.room] = record.head
            case records.Synced():
                at[record.device, record.connection, record.room] = record.after
            case records.Event(source="live"):
                key = (record.device, record.connection, record.room)
                last = at.get(key)
                if last is not None and record.seq > last + 1:
                    yield Violation("C3", f"{record.device} was sent {record.room} #{record.seq} after #{last}")
                at[key] = max(record.seq, last or 0)
            case _:
                pass


def repeats(history: History) -> int:
    """Live events that clients had already."""
    count = 0
    at: dict[tuple[str, str], int] = {}
    for record in history.records:
        if isinstance(record, records.Event):
            if record.source == "live" and record.seq <= at.get((record.device, record.room), 0):
                count += 1
            if record.shown:
                at[record.device, record.room] = record.seq
    return count


def _as_stored(history: History) -> Iterator[Violation]:
    """The same event under the same seq at everybody, and in the log."""
    digests: dict[tuple[str, int], str] = {}
    for record in history.records:
        if not isinstance(record, records.Event):
            continue
        key = (record.room, record.seq)
        entry = history.entries.get(key)
        if entry is None:
            if record.room in history.heads:
                yield Violation("C1", f"{record.device} got {record.room} #{record.seq}, which is not stored")
        elif _content(entry) != _received(record):
            yield Violation("C3", f"{record.device} got {record.room} #{record.seq} as {record}, stored is {entry}")
        if digests.setdefault(key, record.digest) != record.digest:
            yield Violation("C3", f"{record.room} #{record.seq} is not the same at {record.device} as elsewhere")


def _content(entry: Entry) -> tuple[object, ...]:
    nonce = entry.nonce if entry.state is not None else None
    return (entry.kind, entry.stamp, nonce, entry.body, entry.target, entry.emoji, entry.on)


def _received(event: records.Event) -> tuple[object, ...]:
    return (event.type, event.stamp, event.nonce, event.body, event.target, event.emoji, event.on)


def _ranges(seqs: list[int]) -> str:
    """[3, 4, 5, 9] -> "#3-5, #9"."""
    parts: list[list[int]] = []
    for seq in seqs:
        if parts and parts[-1][1] == seq - 1:
            parts[-1][1] = seq
        else:
            parts.append([seq, seq])
    return ", ".join(f"#{first}" if first == last else f"#{first}-{last}" for first, last in parts[:8])
