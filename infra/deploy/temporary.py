"""A place for a Warren that lives for a while: tests and benchmarks start one of their own, and nothing of it stays."""

import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from infra.deploy.errors import DeployError
from infra.deploy.ports import Ports, is_free
from infra.deploy.topology import CLUSTER, Topology

OFFSETS = range(11_000, 20_000, 270)
"""Apart from the ports of a Warren that people use; plans that are any number of 270s apart share no port, also with
eight instances of each service."""

WHOLE = {"CLUSTER_MODE": "true", "NODE_ENV": "development", "RATE_LIMITS": "off"}
"""Settings of a whole one. Limits off: all users of a test or benchmark share one address, and `production` refuses
that."""


@contextmanager
def warren(deploy: Callable[..., object]) -> Iterator[dict[str, str]]:
    """A whole Warren, natively, and its environment. `deploy(environment, *words)` calls the deployment command, and
    raises when that fails. Stopped and removed with its data at the end. Raises DeployError."""
    with place(WHOLE) as environment:
        try:
            deploy(environment, "up", "--native")
            yield environment
        finally:
            deploy(environment, "down", "--wipe")


@contextmanager
def place(settings: dict[str, str], topology: Topology = CLUSTER) -> Iterator[dict[str, str]]:
    """This process's environment with `settings`, an empty folder as WARREN_RUN_DIR, and ports that nobody uses.

    The caller starts what it wants with it and stops that again; the folder is removed at the end. Raises DeployError.
    """
    with port_offset(OFFSETS, topology) as offset:
        run_dir = Path(tempfile.mkdtemp(prefix="warren-"))
        run_dir.chmod(0o755)  # nginx's workers pass through it
        try:
            yield {
                **os.environ,
                **settings,
                "WARREN_RUN_DIR": str(run_dir),
                "WARREN_PORT_OFFSET": str(offset),
            }
        finally:
            shutil.rmtree(run_dir, ignore_errors=True)


@contextmanager
def port_offset(offsets: Sequence[int], topology: Topology) -> Iterator[int]:
    """The first of `offsets` that no other process holds and whose ports nobody uses, held meanwhile: two that begin
    at the same moment would both find its ports free.

    It is held by a name of a local socket, which goes with the process and is per network namespace, as ports are.
    Raises DeployError when there is none.
    """
    for offset in offsets:
        with socket.socket(socket.AF_UNIX) as held:
            try:
                held.bind(f"\0warren-port-offset-{offset}")
            except OSError:
                continue
            if all(map(is_free, Ports(offset).every(topology))):
                yield offset
                return
    raise DeployError("no port offset is free for one more Warren: stop some of those that run on this machine")
