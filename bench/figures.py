"""Times as histograms, and the figures of one measurement. Pure."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

STEP_MS = 0.1
"""Times are counted in steps of this."""

LATE_MS = 25.0
"""A load process whose sends leave later than this (p99) is itself the limit."""

ELSEWHERE_CORES = 0.25

HOLDS_MS = 250.0
"""A rate holds while the p99 of delivery is below this and nothing is lost."""

Histogram = Counter[int]
"""How many times took so many steps."""


def percentile(times: Mapping[int, int], share: float) -> float:
    """Milliseconds that `share` (0..1) of the times do not exceed; nan without times."""
    total = sum(times.values())
    if not total:
        return math.nan
    wanted = math.ceil(total * share)
    passed = 0
    for steps in sorted(times):
        passed += times[steps]
        if passed >= wanted:
            break
    return round(steps * STEP_MS, 1)


@dataclass
class Tally:
    """What the stamps of one kind say: how long they took, and how often each due time came."""

    times: Histogram = field(default_factory=Counter)
    count: Counter[int] = field(default_factory=Counter)


def tally(chunks: Iterable[tuple[int, bytes]], begin: int, end: int, digits: int = 16) -> Tally:
    """Stamps that were due from `begin` until before `end` (microseconds); times below zero count as zero."""
    found = Tally()
    times, count, micros = found.times, found.count, int(STEP_MS * 1000)
    for at, stamps in chunks:
        for place in range(0, len(stamps), digits):
            due = int(stamps[place : place + digits])
            if begin <= due < end:
                count[due] += 1
                times[max(0, at - due) // micros] += 1
    return found


def missing_and_twice(expected: Mapping[int, int], count: Mapping[int, int]) -> tuple[int, int]:
    """Deliveries that never came, and deliveries too many: `expected` says how many each due time should have."""
    lost = sum(max(0, wanted - count.get(due, 0)) for due, wanted in expected.items())
    return lost, sum(max(0, came - expected.get(due, 0)) for due, came in count.items())


@dataclass
class Figures:
    """What one measurement gave. Times in ms, CPU in microseconds or milliseconds, shares in cores."""

    system: str
    workload: str
    rate: float
    seconds: float
    through: str
    sent: int
    acked: int
    delivered: int
    lost: int
    twice: int
    errors: int
    ack_p50: float
    ack_p99: float
    ack_p999: float
    delivery_p50: float
    delivery_p99: float
    delivery_p999: float
    cpu_share: dict[str, float]
    idle_share: dict[str, float]
    elsewhere_share: float
    load_cpu_share: float
    load_late_p99: float
    chunks: int
    writes_per_second: float = 0.0
    """Of the room log; 0 where nobody counts them."""

    @property
    def messages_per_write(self) -> float:
        return self.sent / self.seconds / max(self.writes_per_second, 1e-9)

    @property
    def generator_is_the_limit(self) -> bool:
        return self.load_late_p99 > LATE_MS

    @property
    def disturbed(self) -> bool:
        """Something else on this machine took so much that the figures say little."""
        return self.elsewhere_share > ELSEWHERE_CORES

    @property
    def holds(self) -> bool:
        """Everything acknowledged and delivered once, p99 of delivery under a quarter of a second."""
        whole = self.lost == 0 and self.twice == 0 and self.acked == self.sent and self.errors == 0
        return whole and self.delivered > 0 and self.delivery_p99 < HOLDS_MS

    def cpu_us_per_delivery(self, *, net: bool) -> float:
        """CPU of all server parts for one delivery; `net` leaves out what they use when nobody says anything."""
        return self._cpu_seconds(net=net) / max(self.delivered, 1) * 1e6

    def cpu_ms_per_message(self, *, net: bool) -> float:
        """The same for one message."""
        return self._cpu_seconds(net=net) / max(self.sent, 1) * 1e3

    def us_per_message_by_part(self) -> dict[str, float]:
        """Where it goes, net of idle."""
        per = self.seconds / max(self.sent, 1) * 1e6
        return {
            part: round((share - self.idle_share.get(part, 0.0)) * per, 1) for part, share in self.cpu_share.items()
        }

    def _cpu_seconds(self, *, net: bool) -> float:
        used = sum(self.cpu_share.values()) - (sum(self.idle_share.values()) if net else 0.0)
        return used * self.seconds

    def as_dict(self) -> dict[str, Any]:
        derived = {
            "holds": self.holds,
            "disturbed": self.disturbed,
            "generator_is_the_limit": self.generator_is_the_limit,
            "cpu_us_per_delivery": round(self.cpu_us_per_delivery(net=False), 2),
            "cpu_us_per_delivery_net": round(self.cpu_us_per_delivery(net=True), 2),
            "cpu_ms_per_message": round(self.cpu_ms_per_message(net=False), 4),
            "cpu_ms_per_message_net": round(self.cpu_ms_per_message(net=True), 4),
            "us_per_message_by_part_net": self.us_per_message_by_part(),
        }
        return {"kind": "run"} | asdict(self) | derived
