from pathlib import Path

import pytest

from infra.deploy.run_dir import RunDir


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    """An empty run directory."""
    return RunDir(tmp_path / "run")
