"""Without a safeguard the checker finds what it is there for. Takes minutes, as ./scripts/faults.sh mutations does."""

import sys
from pathlib import Path

import pytest

from tests.faults.mutations import prove
from tests.faults.run import Laboratory
from tests.faults.safeguards import MUTATIONS, Mutation
from tests.support.stack import Stack


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
async def test_the_checker_notices_that_a_safeguard_is_missing(
    stack: Stack, tmp_path: Path, mutation: Mutation
) -> None:
    laboratory = Laboratory(stack, tmp_path, lambda text: print(text, file=sys.stderr))  # noqa: T201 - for failures
    outcome = await prove(laboratory, mutation)
    assert mutation.claims & set(outcome.by_claim), f"not noticed: {outcome}"
