"""What must hold before anything is started, and the start itself."""

import fcntl
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from infra.deploy import leftovers
from infra.deploy import ports as port_plan
from infra.deploy.errors import DeployError
from infra.deploy.program import Program
from infra.deploy.progress import Progress
from infra.deploy.run_dir import RunDir
from infra.deploy.supervision import Supervisor

NEEDED_BYTES = 1 << 30


@contextmanager
def locked(run: RunDir) -> Iterator[None]:
    """One command at a time changes what runs in a run directory. Raises DeployError when another one does."""
    with (run.folder() / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DeployError("another deploy command is at work here: wait until it has ended") from error
        yield


def check_disk(run: RunDir) -> None:
    free = shutil.disk_usage(run.folder()).free
    if free < NEEDED_BYTES:
        raise DeployError(
            f"only {free >> 20} MB free at {run.root}, and Warren needs {NEEDED_BYTES >> 20} MB: "
            "make room, or set WARREN_RUN_DIR to a folder on another disk"
        )


def clear_the_way(run: RunDir, supervisor: Supervisor, programs: Sequence[Program], progress: Progress) -> list[str]:
    """End what a crash left behind and check the ports; the names of those of `programs` that have to be started.

    Raises DeployError, with nothing started, when a port is taken.
    """
    running = running_programs(supervisor)
    if not running and leftovers.find(run):
        with progress.step("stop what an earlier run left behind"):
            leftovers.end(run)
    new = [program for program in programs if program.name not in running]
    port_plan.check_free({port: purpose for program in new for port, purpose in program.ports.items()})
    return [program.name for program in new]


def running_programs(supervisor: Supervisor) -> set[str]:
    """Names of programs that run, or that the supervisor is just bringing back."""
    if not supervisor.running:
        return set()
    alive = ("STARTING", "RUNNING", "BACKOFF")
    return {name for name, info in supervisor.states().items() if info["statename"] in alive}
