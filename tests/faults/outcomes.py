"""What a run gave, and what is kept of it: a small JSON file."""

from pathlib import Path

import msgspec

from tests.faults import records, timing
from tests.faults.checker import Verdict
from tests.faults.experiment import Experiment
from tests.faults.load import Plan

KEPT_VIOLATIONS = 20
SUFFIX = ".json"
NOT_MADE = ".not-made.txt"
"""Of a run that could not be made: a sentence that says why."""

NEVER = 1e9
"""Seconds that stand for never: JSON has no infinity."""


class Outcome(msgspec.Struct):
    """What a run gave; kept as JSON beside its records."""

    experiment: str
    seed: int
    limit: float
    acknowledged: int
    refused: int
    retries: int
    delivered: int
    losses: int
    duplicates: int
    repeats: int
    by_claim: dict[str, int]
    violations: list[str]
    sends: float
    caught_up: float
    longest: float
    curve: list[tuple[float, float]]
    phases: dict[str, float]
    measured: dict[str, float] = {}
    missed: list[str] = []

    @property
    def holds(self) -> bool:
        return not self.by_claim

    @property
    def in_time(self) -> bool:
        return max(self.sends, self.caught_up) <= self.limit and not self.missed


def load(path: Path) -> Outcome:
    """Raises msgspec.DecodeError, OSError."""
    return msgspec.json.decode(path.read_bytes(), type=Outcome)


def outcome_of(experiment: Experiment, plan: Plan, verdict: Verdict, run: list[records.AnyRecord]) -> Outcome:
    times = timing.recovery(run, experiment.since.value)
    at = timing.moments(run)
    return Outcome(
        experiment.name,
        plan.seed,
        experiment.limit,
        verdict.acknowledged,
        verdict.refused,
        verdict.retries,
        verdict.delivered,
        verdict.losses,
        verdict.duplicates,
        verdict.repeats,
        verdict.by_claim,
        [str(violation) for violation in verdict.violations[:KEPT_VIOLATIONS]],
        min(times.sends, NEVER),
        min(times.caught_up, NEVER),
        min(times.longest, NEVER),
        timing.deliveries_per_second(run),
        {phase: moment - at["begin"] for phase, moment in at.items()},
    )
