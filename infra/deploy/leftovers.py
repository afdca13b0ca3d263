"""Processes of a run directory that no supervisor looks after any more: after a crash or a killed supervisor.

Each process that Warren starts carries its run directory in an environment variable, so
nothing else is ever taken for one.
"""

import os
import select
import signal
import time
from pathlib import Path

from infra.deploy.program import RUN_MARK
from infra.deploy.run_dir import RunDir

GRACE_SECONDS = 25


def find(run: RunDir) -> list[int]:
    """Their pids; the caller's own process is not among them."""
    mark = f"{RUN_MARK}={run.root}".encode()
    return [pid for pid in _pids() if pid != os.getpid() and mark in _environment(pid)]


def end(run: RunDir) -> int:
    """Ask them to stop, kill what does not within 25 s, and return how many there were when all are gone."""
    pids = find(run)
    for stop_signal, seconds in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, None)):
        handles = [handle for pid in find(run) if (handle := _signal(pid, stop_signal)) is not None]
        _wait(handles, seconds)
    return len(pids)


def _signal(pid: int, which: signal.Signals) -> int | None:
    try:
        handle = os.pidfd_open(pid)
        signal.pidfd_send_signal(handle, which)
    except ProcessLookupError:
        return None
    return handle


def _wait(handles: list[int], seconds: float | None) -> None:
    until = None if seconds is None else time.monotonic() + seconds
    for handle in handles:
        rest = None if until is None else max(0.0, until - time.monotonic())
        select.select([handle], [], [], rest)
        os.close(handle)


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # another user's, or gone
        return []
