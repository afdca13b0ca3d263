"""A campaign has something of everything wherever it is stopped, and reports what it has."""

import math
from pathlib import Path

import msgspec

from tests.faults.campaign import BUSY, RANDOM, Shape, runs_of
from tests.faults.experiments import ALL
from tests.faults.load import Plan
from tests.faults.outcomes import NOT_MADE, Outcome
from tests.faults.report import gather, quantiles, table, write

SHAPE = Shape(BUSY, 3, 300.0, Plan(), 2, 20.0, 1, math.inf)


def outcome(experiment: str, seed: int, sends: float = 1.0, **fields: object) -> Outcome:
    made = Outcome(
        experiment, seed, 5.0, 100, 0, 2, 700, 0, 0, 0, {}, [], sends, sends, 2.0, [(0.0, 3.0)], {"heal": 1.0}
    )
    return msgspec.structs.replace(made, **fields)


def keep(folder: Path, made: Outcome) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{made.experiment}-{made.seed}.json").write_bytes(msgspec.json.encode(made))


def test_the_hour_comes_first_then_every_experiment_with_one_seed_after_the_other() -> None:
    runs = list(runs_of(SHAPE))
    assert [(run.experiment.name, run.plan.seed) for run in runs[:3]] == [(RANDOM, 1), (RANDOM, 2), (RANDOM, 3)]
    assert [run.plan.seed for run in runs[3:]] == [1] * (len(ALL) - 1) + [2] * (len(ALL) - 1)
    assert {run.plan.rate for run in runs[:3]} == {BUSY.rate}
    assert len({run.name for run in runs}) == len(runs)


def test_a_report_takes_together_what_several_campaigns_left(tmp_path: Path) -> None:
    keep(tmp_path / "one", outcome("kill-gateway", 1))
    keep(tmp_path / "two", outcome("kill-gateway", 1, 4.0))
    (tmp_path / "two" / f"overload-1{NOT_MADE}").write_text("overload-1: why\n")
    outcomes, not_made = gather([tmp_path / "one", tmp_path / "two"])
    assert [one.sends for one in outcomes] == [1.0, 4.0]
    assert not_made == ["overload-1: why"]
    write(outcomes, tmp_path / "faults.md", not_made)
    text = (tmp_path / "faults.md").read_text()
    assert "2 runs, 200 acknowledged messages" in text
    assert "overload-1: why" in text
    assert (tmp_path / "faults.svg").read_text().startswith("<svg")


def test_what_was_late_or_broken_is_said_run_by_run(tmp_path: Path) -> None:
    broken = outcome("kill-redis", 2, by_claim={"C1": 3}, violations=["C1: gone"], losses=3)
    late = outcome("overload", 1, 9.0, missed=["too slow"], measured={"ack p99 s": 6.5})
    write([broken, late], tmp_path / "faults.md")
    text = (tmp_path / "faults.md").read_text()
    assert "Runs with a violation: 1. Runs past their time limit: 1." in text
    assert "C1: gone" in text
    assert "limit 5 s; too slow" in text
    assert "| 1 | 6.50 |" in text


def test_times_are_median_and_worst_of_few_and_p99_of_many() -> None:
    assert quantiles([3.0, 1.0, 2.0]) == "2.0 / 3.0"
    assert quantiles([1.0] * 199 + [50.0]) == "1.0 / 1.0"
    assert quantiles([1.0, 1e9]) == "never / never"


def test_the_last_row_is_the_sum_of_all() -> None:
    rows = table([outcome("kill-gateway", 1), outcome("kill-redis", 1)]).splitlines()
    assert rows[-1].startswith("| all | 2 | 200 | 1,400 | 0 | 0 | none |")
