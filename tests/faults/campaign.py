"""Everything, again and again: random faults for an hour in parts, and each experiment with one seed after the other.

Each run leaves its outcome in the folder as it ends, so a campaign may be stopped at any time, gone on with by the
same command (runs that are there are not made again), and reported, alone or with others. The records of a run are
large and are kept only when it broke a promise. A run that could not be made leaves a sentence, and it is gone on with
on a new Warren.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import uvloop

from tests.faults.experiment import Experiment
from tests.faults.experiments import ALL
from tests.faults.load import Plan
from tests.faults.outcomes import NOT_MADE, SUFFIX, Outcome, load
from tests.faults.people import RestError
from tests.faults.run import Laboratory
from tests.support.stack import keep_logs, running

RANDOM = "random"
KEPT_RECORDS = 6
"""Records of so many runs with a violation are kept: some 200 MB each of the long ones."""

MOST_FAILURES = 3
"""So often in a row a Warren may fail to start."""

BUSY = Plan(users=60, rooms=40, members=4)
"""Small rooms: a message reaches five devices, and the load stays well below one core."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Shape:
    """`parts` runs of `part_seconds` with random faults and the load `busy`; of each other experiment `runs`, with the
    load `quiet` for `seconds`. No run begins after `until` (monotonic seconds)."""

    busy: Plan
    parts: int
    part_seconds: float
    quiet: Plan
    runs: int
    seconds: float
    first_seed: int
    until: float


@dataclass(frozen=True)
class Run:
    """One run to make."""

    experiment: Experiment
    plan: Plan
    seconds: float

    @property
    def name(self) -> str:
        return f"{self.experiment.name}-{self.plan.seed}"

    def path(self, folder: Path) -> Path:
        """Its outcome's."""
        return folder / f"{self.name}{SUFFIX}"


def runs_of(shape: Shape) -> Iterator[Run]:
    """The hour first; then all experiments with the first seed, then all with the next: wherever it is stopped, it has
    something of each."""
    seeds = range(shape.first_seed, shape.first_seed + max(shape.parts, shape.runs))
    for seed in seeds[: shape.parts]:
        yield Run(ALL[RANDOM], replace(shape.busy, seed=seed), shape.part_seconds)
    for seed in seeds[: shape.runs]:
        for experiment in ALL.values():
            if experiment.name != RANDOM:
                yield Run(experiment, replace(shape.quiet, seed=seed), shape.seconds)


def carry_out(shape: Shape, folder: Path, say: Say, on_outcome: Callable[[Outcome], None]) -> None:
    """All runs that are not made yet, on one Warren as long as it serves. Raises AssertionError when none starts."""
    folder.mkdir(parents=True, exist_ok=True)
    left = deque(run for run in runs_of(shape) if not run.path(folder).exists())
    say(f"campaign: {len(left)} runs to make; outcomes go to {folder}")
    failed = 0
    while left and time.monotonic() < shape.until:
        try:
            with running() as stack:
                uvloop.run(_on_one_warren(Laboratory(stack, folder, say), left, shape.until, on_outcome))
            failed = 0
        except AssertionError as error:  # it did not start, or not stop
            failed += 1
            say(f"{error}")
            if failed == MOST_FAILURES:
                raise


async def _on_one_warren(
    laboratory: Laboratory, left: deque[Run], until: float, on_outcome: Callable[[Outcome], None]
) -> None:
    """Until all is done, or a run cannot be made."""
    while left and time.monotonic() < until:
        run, begun = left.popleft(), time.monotonic()
        try:
            outcome = await laboratory.run(run.experiment, run.plan, run.seconds)
        except (AssertionError, TimeoutError, RestError) as error:
            keep_logs(laboratory.stack)
            run.path(laboratory.out).with_suffix(NOT_MADE).write_text(f"{run.name}: {error!r}\n")
            laboratory.say(f"{run.name} could not be made: {error!r}; it is gone on with on a new Warren")
            return
        finally:
            _drop_records(laboratory.out)
        if not outcome.holds:
            keep_logs(laboratory.stack)
        on_outcome(outcome)
        laboratory.say(f"{run.name} took {time.monotonic() - begun:.0f} s; {len(left)} runs to make")


def _drop_records(folder: Path) -> None:
    """All but those of the first runs that broke a promise."""
    kept = 0
    for path in sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime):
        outcome = path.with_suffix(SUFFIX)
        broken = outcome.exists() and not load(outcome).holds
        kept += broken
        if not broken or kept > KEPT_RECORDS:
            path.unlink()
