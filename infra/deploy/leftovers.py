"""Processes of a run directory that no supervisor looks after any more: after a crash or a killed supervisor.

Told by the process groups that were written down, and, for what left its group (Erlang's port mapper), by a variable
with the run directory in its environment. Nothing else is ever taken for one.
"""

import os
from pathlib import Path

from infra.deploy import process_groups
from infra.deploy.program import RUN_MARK
from infra.deploy.run_dir import RunDir

GRACE_SECONDS = 25


def find(run: RunDir) -> list[int]:
    """Their pids; the caller's own process is not among them."""
    mark = f"{RUN_MARK}={run.root}".encode()
    marked = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and mark in _environment(path)]
    return sorted({*marked, *process_groups.members(run.root / "groups")} - {os.getpid()})


def end(run: RunDir) -> None:
    """Ask them to stop, kill what does not within 25 s; returns when all are gone."""
    process_groups.end(find(run), GRACE_SECONDS)


def _environment(process: Path) -> list[bytes]:
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:  # another user's, or gone
        return []
