"""Every send and every change, from the user's finger to the log."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.faults import records
from tests.faults.checks.history import History, Violation
from tests.faults.database import DELETED, EDITED, MESSAGE, REACTION


@dataclass
class Send:
    """What became of one nonce."""

    device: str
    room: str
    begun: float
    acks: list[tuple[float, int]] = field(default_factory=list)
    refused: str | None = None
    tries: int = 0


def sends_of(history: History) -> dict[str, Send]:
    """By nonce."""
    found: dict[str, Send] = {}
    for record in history.records:
        match record:
            case records.Attempt():
                send = found.setdefault(record.nonce, Send(record.device, record.room, record.at))
                send.tries = max(send.tries, record.tries)
            case records.Acked():
                found[record.nonce].acks.append((record.at, record.seq))
            case records.Refused() if record.final:
                found[record.nonce].refused = record.code
            case _:
                pass
    return found


def check(history: History) -> Iterator[Violation]:
    sends = sends_of(history)
    stored: dict[tuple[str, str], list[int]] = {}
    for entry in history.entries.values():
        if entry.kind == MESSAGE and entry.nonce is not None:
            stored.setdefault((entry.room, entry.nonce), []).append(entry.seq)
    for nonce, send in sends.items():
        yield from _one_send(nonce, send, stored.get((send.room, nonce), []))
    yield from _changes(history)
    yield from _senders_order(sends)
    yield from _quorum(history, sends)


def _one_send(nonce: str, send: Send, stored: list[int]) -> Iterator[Violation]:
    name = f"{send.room} {nonce} of {send.device}"
    seqs = {seq for _, seq in send.acks}
    if len(seqs) > 1:
        yield Violation("C2", f"{name}: acknowledged as {sorted(seqs)}")
    for seq in seqs:
        if seq not in stored:
            yield Violation("C1", f"{name}: acknowledged as #{seq}, stored as {stored or 'nothing'}")
    if not seqs and send.refused is None:
        yield Violation("C4", f"{name}: neither acknowledged nor refused after {send.tries} tries; stored as {stored}")
    if not seqs and send.refused is not None and stored:
        yield Violation("C4", f"{name}: refused ({send.refused}) but stored as {stored}")


def _changes(history: History) -> Iterator[Violation]:
    """An acknowledged edit, deletion or reaction is in the log, by who asked for it."""
    for record in history.records:
        if not isinstance(record, records.Changed) or record.seq == 0:
            continue
        entry = history.entries.get((record.room, record.seq))
        user = history.user[record.device]
        if entry is None or entry.kind not in (EDITED, DELETED, REACTION) or entry.sender != user:
            found = f"{entry.kind} by {entry.sender}" if entry else "nothing"
            yield Violation("C1", f"{record.room} #{record.seq}: {user} got an ack for a change, stored is {found}")


def _senders_order(sends: dict[str, Send]) -> Iterator[Violation]:
    """What a device said after it had an acknowledgement comes after that."""
    by_device: dict[tuple[str, str], list[Send]] = {}
    for send in sends.values():
        if send.acks:
            by_device.setdefault((send.device, send.room), []).append(send)
    for (device, room), mine in by_device.items():
        starts = sorted(mine, key=lambda send: send.begun)
        ends = sorted(mine, key=lambda send: send.acks[0][0])
        highest, ended = 0, 0
        for send in starts:
            while ended < len(ends) and ends[ended].acks[0][0] < send.begun:
                highest = max(highest, ends[ended].acks[0][1])
                ended += 1
            if send.acks[0][1] < highest:
                yield Violation("C3", f"{room}: {device} said #{send.acks[0][1]} after #{highest} was acknowledged")


def _quorum(history: History, sends: dict[str, Send]) -> Iterator[Violation]:
    """What was said after the quorum was gone is not acknowledged before it is back."""
    gone: float | None = None
    for record in history.records:
        if not isinstance(record, records.Quorum):
            continue
        if record.there and gone is not None:
            for nonce, send in sends.items():
                early = [at for at, _ in send.acks if send.begun > gone and at < record.at]
                if early:
                    after = early[0] - gone
                    yield Violation("C8", f"{send.room} {nonce}: acknowledged {after:.2f} s after the quorum was lost")
            gone = None
        elif not record.there:
            gone = record.at
