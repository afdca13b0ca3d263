"""A place for a Warren that lives for a while: tests and benchmarks start one of their own, and nothing of it stays."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from infra.deploy.errors import DeployError
from infra.deploy.ports import Ports, is_free
from infra.deploy.topology import CLUSTER, Topology

OFFSETS = range(11_000, 20_000, 100)
"""Apart from the ports of a Warren that people use. No two ports of a plan are 50 apart modulo 100, so whoever adds 50
to each of these never wants the same ports."""


@contextmanager
def place(
    settings: dict[str, str], offsets: Sequence[int] = OFFSETS, topology: Topology = CLUSTER
) -> Iterator[dict[str, str]]:
    """This process's environment with `settings`, an empty folder as WARREN_RUN_DIR, and ports that nobody uses.

    The caller starts what it wants with it and stops that again; the folder is removed at the end. Raises DeployError.
    """
    run_dir = Path(tempfile.mkdtemp(prefix="warren-"))
    run_dir.chmod(0o755)  # nginx's workers pass through it
    try:
        yield {
            **os.environ,
            **settings,
            "WARREN_RUN_DIR": str(run_dir),
            "WARREN_PORT_OFFSET": str(free_offset(offsets, topology)),
        }
    finally:
        shutil.rmtree(run_dir, ignore_errors=True)


def free_offset(offsets: Sequence[int], topology: Topology) -> int:
    """One of `offsets` whose ports nobody uses. Runs that begin at the same moment look from different ones on.

    Raises DeployError when there is none.
    """
    start = (os.getpid() + int(time.monotonic())) % len(offsets)
    for offset in (*offsets[start:], *offsets[:start]):
        if all(map(is_free, Ports(offset).every(topology))):
            return offset
    raise DeployError("no port offset is free for one more Warren: stop some of those that run on this machine")
