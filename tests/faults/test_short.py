"""The faults that happen most, each under load, with the independent checker: a selection of ./scripts/faults.sh."""

import sys
from pathlib import Path

import pytest

from tests.faults.experiments import ALL
from tests.faults.load import Plan
from tests.faults.run import Laboratory
from tests.support.stack import Stack

SELECTION = ("kill-gateway", "kill-messaging", "kill-rabbitmq", "lose-gateway-events")
SECONDS = 10.0
SEED = 1
PATIENCE_SECONDS = 10.0
"""What a machine that does other things too may take longer. A broken promise is one however busy the machine is; the
limits themselves are held against many runs by ./scripts/faults.sh."""


@pytest.fixture(scope="module")
def laboratory(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    out: Path = tmp_path_factory.mktemp("faults")
    return Laboratory(stack, out, lambda text: print(text, file=sys.stderr))  # noqa: T201 - shown when a test fails


@pytest.mark.parametrize("name", SELECTION)
async def test_every_promise_holds_and_all_is_well_again(laboratory: Laboratory, name: str) -> None:
    outcome = await laboratory.run(ALL[name], Plan(seed=SEED), SECONDS)
    assert outcome.holds, "\n".join(outcome.violations)
    took = f"sends again after {outcome.sends:.1f} s, caught up after {outcome.caught_up:.1f} s"
    assert max(outcome.sends, outcome.caught_up) <= outcome.limit + PATIENCE_SECONDS, took
    assert outcome.acknowledged > 100
