"""Which processes belong to a program of a run directory, also when the program itself is dead.

The supervisor gives every program a process group of its own. The group is written down at start; what is still in it
when the program has died (workers of a killed nginx) or the supervisor has died (everything) is ours to end. Only the
standard library: launch.py needs it.
"""

import os
import select
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

# Where the process group and the session stand in what follows the name in /proc/PID/stat.
_GROUP, _SESSION = 2, 3


def record(folder: Path, name: str) -> None:
    """Write down the group of the calling process as that of program `name`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"{os.getpgrp()} {os.getsid(0)} {_boot()}\n")


def members(folder: Path, name: str = "*") -> list[int]:
    """Pids of all processes in the recorded groups. A group of before the last boot has none."""
    groups = set(_recorded(folder, name))
    return [pid for pid, group in _processes() if group in groups] if groups else []


def end(pids: Iterable[int], grace_seconds: float) -> None:
    """SIGTERM, then SIGKILL to what is left after `grace_seconds` (0: SIGKILL at once); returns when all are gone."""
    handles = [handle for pid in pids if (handle := _open(pid)) is not None]
    until = time.monotonic() + grace_seconds
    if grace_seconds:
        for handle in handles:
            _signal(handle, signal.SIGTERM)
    for handle in handles:
        gone, _, _ = select.select([handle], [], [], max(0.0, until - time.monotonic()))
        if not gone:
            _signal(handle, signal.SIGKILL)
            select.select([handle], [], [])
        os.close(handle)


def _recorded(folder: Path, name: str) -> Iterator[tuple[int, int]]:
    for path in folder.glob(name):
        group, session, boot = path.read_text().split()
        if boot == _boot():
            yield int(group), int(session)


def _processes() -> Iterator[tuple[int, tuple[int, int]]]:
    """Every process with its group and session."""
    for path in Path("/proc").iterdir():
        if not path.name.isdigit():
            continue
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # gone meanwhile
            continue
        yield int(path.name), (int(fields[_GROUP]), int(fields[_SESSION]))


def _open(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def _signal(handle: int, which: signal.Signals) -> bool:
    """False when the process is gone already."""
    try:
        signal.pidfd_send_signal(handle, which)
    except ProcessLookupError:
        return False
    return True


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
