"""The highest rate that holds: coarse, then fine. Pure; whoever measures asks for a rate and says how it went."""

from dataclasses import dataclass, field

COARSE = 2.0
TRIES = 2
"""A rate fails when it fails this often: one hiccup of a shared machine says nothing."""

HIGHEST = 100_000.0
LOWEST = 0.25


@dataclass
class Search:
    """Doubles (or halves) from `start` until the limit is between two rates, then halves that range until its ends
    are within `fine` of each other."""

    start: float
    fine: float = 1.08
    best: float | None = None
    _worst: float | None = None
    _failed: dict[float, int] = field(default_factory=dict)

    def next(self) -> float | None:
        """The rate to try, or None when the search is over and `best` is what holds (None: nothing does)."""
        again = next((rate for rate, times in self._failed.items() if times < TRIES and rate != self.best), None)
        if again is not None and (self.best is None or again > self.best):
            return again
        if self.best is None and self._worst is None:
            return self.start
        if self.best is None:
            assert self._worst is not None
            return self._worst / COARSE if self._worst > LOWEST else None
        if self._worst is None:
            return self.best * COARSE if self.best < HIGHEST else None
        if self._worst / self.best <= self.fine:
            return None
        return _rounded((self.best * self._worst) ** 0.5, self.best, self._worst)

    def record(self, rate: float, *, holds: bool) -> None:
        """What trying `rate` gave."""
        if holds:
            self._failed.pop(rate, None)
            self.best = rate if self.best is None else max(self.best, rate)
            return
        self._failed[rate] = self._failed.get(rate, 0) + 1
        if self._failed[rate] >= TRIES:
            self._worst = rate if self._worst is None else min(self._worst, rate)


def _rounded(rate: float, low: float, high: float) -> float:
    """Two digits where that stays inside the range."""
    digits = 10.0 ** max(0, len(str(int(rate))) - 2)
    round_rate = round(rate / digits) * digits
    return round_rate if low < round_rate < high else rate
