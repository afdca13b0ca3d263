# ruff: noqa: T201 - a command line
"""Decides from the records of a run and the database afterwards whether the promises held. Imports nothing of Warren.

python -m tests.faults.checker RECORDS MONGODB_URI     decide again about a run that is kept
"""

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import records
from tests.faults.checks import delivery, messages, reads, sends, stored
from tests.faults.checks.history import History, Violation
from tests.faults.database import Database, snapshot
from tests.faults.records import AnyRecord

CLAIMS = ("C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8")


@dataclass
class Verdict:
    """`losses`: acknowledged messages that are not stored or that an entitled device never got. `duplicates`: stored or
    shown twice. `repeats`: events that came twice over a socket and that clients dropped, as they must."""

    violations: list[Violation] = field(default_factory=list)
    attempted: int = 0
    acknowledged: int = 0
    refused: int = 0
    retries: int = 0
    delivered: int = 0
    losses: int = 0
    duplicates: int = 0
    repeats: int = 0

    @property
    def holds(self) -> bool:
        return not self.violations

    @property
    def by_claim(self) -> dict[str, int]:
        return dict(sorted(Counter(violation.claim for violation in self.violations).items()))


def check(run: Iterable[AnyRecord], database: Database) -> Verdict:
    """Decide C1 to C8."""
    history = History(run, database)
    verdict = Verdict()
    for part in (stored, sends, delivery, messages, reads):
        verdict.violations.extend(part.check(history))
    _count(history, verdict)
    return verdict


def _count(history: History, verdict: Verdict) -> None:
    sent = sends.sends_of(history)
    verdict.attempted = len(sent)
    verdict.acknowledged = sum(1 for send in sent.values() if send.acks)
    verdict.refused = sum(1 for send in sent.values() if send.refused is not None and not send.acks)
    verdict.retries = sum(max(0, send.tries - 1) for send in sent.values())
    verdict.delivered = sum(1 for one in history.records if isinstance(one, records.Event) and one.shown)
    verdict.repeats = delivery.repeats(history)
    verdict.duplicates = sum(1 for violation in verdict.violations if violation.claim == "C2")
    missed = {
        (room, seq)
        for (device, room), view in history.views.items()
        if room in history.heads
        for seq in delivery.missing(history, device, room, view)
    }
    for nonce, send in sent.items():
        for _, seq in send.acks[:1]:
            entry = history.entries.get((send.room, seq))
            verdict.losses += entry is None or entry.nonce != nonce or (send.room, seq) in missed


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print(__doc__)
        return 2
    run = records.read(Path(arguments[0]))
    rooms = {record.room for record in run if isinstance(record, records.Attempt)}
    verdict = check(run, snapshot(arguments[1], rooms))
    for violation in verdict.violations:
        print(violation)
    print(f"{verdict.acknowledged} acknowledged, {verdict.by_claim or 'no violation'}")
    return 0 if verdict.holds else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
