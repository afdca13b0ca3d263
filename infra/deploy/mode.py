"""What a way of running Warren can do, which one to take, and which one is up.

Two modules implement `Mode`: `infra.deploy.native` and `infra.deploy.compose` (a module is checked against
the protocol like an object is).
"""

import importlib
import subprocess
from pathlib import Path
from typing import Protocol, cast

from infra.deploy.errors import DeployError
from infra.deploy.status import Status

NATIVE = "native"
DOCKER = "docker"


class Mode(Protocol):
    """A way of running Warren.

    All functions act on the Warren of this run directory, block until done, and raise DeployError for what a
    person can fix.
    """

    def up(self) -> None:
        """Install, build, start what is missing; return when all is ready and a message went round.

        Prints its progress, then the addresses and how to stop. When it fails, what this call started is
        stopped again.
        """

    def status(self) -> Status:
        """What runs now. Expected instances that Consul does not know are listed as `missing`."""

    def logs(self, service: str | None, follow: bool) -> None:
        """Print the newest lines of everything, or of one service, instance or server.

        `service` is for example `gateway`, `gateway-2` or `rabbitmq`; with `follow`, until interrupted.
        """

    def scale(self, counts: dict[str, int]) -> None:
        """Have so many instances of each service named; return when they are ready and no more are left."""

    def restart(self, service: str) -> None:
        """Restart the instances of a service one at a time, each ready before the next one stops."""

    def down(self, wipe: bool) -> None:
        """Stop everything and return when all processes are gone; with `wipe` remove the data too.

        Fine when nothing runs.
        """


def load(name: str) -> Mode:
    return cast(Mode, importlib.import_module(f"infra.deploy.{'compose' if name == DOCKER else 'native'}"))


def remembered(run_dir: Path) -> str | None:
    """The mode that is up in this run directory: from `up` until `down`."""
    return _last(run_dir) if (run_dir / "up").exists() else None


def remember(run_dir: Path, name: str) -> None:
    run_dir.mkdir(parents=True, exist_ok=True)
    (run_dir / "mode").write_text(f"{name}\n")
    (run_dir / "up").touch()


def forget(run_dir: Path, wiped: bool = False) -> None:
    """Nothing is up any more. The mode that the data belongs to stays the default until the data is wiped."""
    (run_dir / "up").unlink(missing_ok=True)
    if wiped:
        (run_dir / "mode").unlink(missing_ok=True)


def choose(wanted: str | None, run_dir: Path) -> str:
    """The mode to act on: the flag, else the one used last, else Docker where it answers, else native.

    Raises DeployError when the flag contradicts what is up.
    """
    current = remembered(run_dir)
    if wanted and current and wanted != current:
        raise DeployError(
            f"Warren is up in {current} mode: stop it first with `down --{current}`, or leave out --{wanted}"
        )
    return wanted or _last(run_dir) or (DOCKER if docker_answers() else NATIVE)


def _last(run_dir: Path) -> str | None:
    path = run_dir / "mode"
    name = path.read_text().strip() if path.exists() else None
    return name if name in (NATIVE, DOCKER) else None


def docker_answers() -> bool:
    return _succeeds("docker", "info") and _succeeds("docker", "compose", "version")


def _succeeds(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except (FileNotFoundError, PermissionError, subprocess.TimeoutExpired):
        return False
