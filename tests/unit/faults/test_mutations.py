"""The mutations still fit the source that they change."""

from pathlib import Path

import pytest

from tests.faults.experiments import ALL
from tests.faults.safeguards import MUTATIONS, Mutation, copy_with


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_every_patch_finds_its_place_and_leaves_valid_source(mutation: Mutation, tmp_path: Path) -> None:
    copy_with(mutation.patches, tmp_path)
    for patch in mutation.patches:
        compile((tmp_path / patch.file).read_text(), patch.file, "exec")
    assert mutation.experiment in ALL
