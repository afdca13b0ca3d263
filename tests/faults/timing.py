"""How long until all was well again, and deliveries per second; from the records alone."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tests.faults import records
from tests.faults.records import AnyRecord

SLOW_SECONDS = 1.0
"""Slower than this is not well yet."""


@dataclass(frozen=True)
class Recovery:
    """Seconds from the chosen moment until the last message that was slow to be acknowledged (`sends`) or to reach
    somebody (`caught_up`); 0 when none was; inf when one never was. `longest` is the longest wait for an ack."""

    sends: float
    caught_up: float
    longest: float


def moments(run: Iterable[AnyRecord]) -> dict[str, float]:
    """When each phase of the fault was: begin, done, heal, healed."""
    return {record.phase: record.at for record in run if isinstance(record, records.Fault)}


def recovery(run: Iterable[AnyRecord], since: str) -> Recovery:
    at = moments(run)
    began, reference = at["begin"], at[since]
    said: dict[str, float] = {}
    acked: dict[str, float] = {}
    refused: set[str] = set()
    last_event = 0.0
    for record in run:
        match record:
            case records.Attempt(tries=0):
                said[record.nonce] = record.at
            case records.Acked():
                acked.setdefault(record.nonce, record.at)
            case records.Refused(final=True):
                refused.add(record.nonce)
            case records.Event(shown=True) if record.nonce in said and record.at > began:
                if record.at - said[record.nonce] > SLOW_SECONDS:
                    last_event = max(last_event, record.at)
            case _:
                pass
    last_ack, longest = 0.0, 0.0
    for nonce, begun in said.items():
        if nonce in refused and nonce not in acked:
            continue
        ended = acked.get(nonce, math.inf)
        longest = max(longest, ended - begun)
        if ended > began and ended - begun > SLOW_SECONDS:
            last_ack = max(last_ack, ended)
    return Recovery(max(0.0, last_ack - reference), max(0.0, last_event - reference), longest)


def deliveries_per_second(run: Iterable[AnyRecord], step: float = 0.5) -> list[tuple[float, float]]:
    """(seconds from the begin of the fault, deliveries a second) for each `step`."""
    begin = moments(run)["begin"]
    counts: Counter[int] = Counter()
    for record in run:
        if isinstance(record, records.Event) and record.shown:
            counts[math.floor((record.at - begin) / step)] += 1
    if not counts:
        return []
    return [(number * step, counts[number] / step) for number in range(min(counts), max(counts) + 1)]
