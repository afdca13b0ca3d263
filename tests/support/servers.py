"""RabbitMQ, MongoDB (one member), Redis and Consul on private ports, through the project's own deployment code.

Normally started for this run and removed after it; workers that run tests side by side have servers of their own each.
With WARREN_TEST_SERVERS=<run directory> one that runs by itself uses the servers of that directory and leaves them
running: quicker while developing (`tests/README.md`).
"""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.deploy import temporary
from infra.deploy.progress import Progress
from infra.deploy.run_dir import RunDir
from infra.deploy.servers import find_executables
from infra.deploy.topology import SINGLE

PROJECT = Path(__file__).resolve().parents[2]
KEPT = "WARREN_TEST_SERVERS"
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
"""Which of them this process is, from 0."""
START_SECONDS = 300


@dataclass(frozen=True)
class Servers:
    """Addresses of the running servers. `run_dir` has their supervisor's socket, logs and secrets."""

    run_dir: Path
    mongodb_uri: str
    redis_url: str
    rabbitmq_url: str
    consul_http_addr: str

    def control(self, *words: str) -> None:
        """`"stop", "redis"`, `"start", "redis"` or `"signal", "STOP", "redis"`: rabbitmq, mongo-1, redis or consul."""
        command = [sys.executable, "-m", "supervisor.supervisorctl"]
        subprocess.run(
            [*command, "-s", f"unix://{self.run_dir}/supervisor.sock", *words],
            check=True,
            capture_output=True,
            timeout=60,
        )

    def secret(self, name: str) -> str:
        return (self.run_dir / "secrets" / name).read_text().strip()


@contextmanager
def running() -> Iterator[Servers]:
    """The servers, for as long as the context lasts."""
    kept = os.environ.get(KEPT)
    if kept and WORKERS == 1:
        yield _read(Path(kept), _addresses_in(Path(kept)))
        return
    fetch_what_is_missing()
    with temporary.place({"CLUSTER_MODE": "false"}, SINGLE) as environment:
        try:
            yield _read(Path(environment["WARREN_RUN_DIR"]), json.loads(_infra("up", environment, "--json")))
        finally:
            _infra("down", environment, "--wipe")


def fetch_what_is_missing() -> None:
    """Install the servers where they are not. One worker at a time: all fetch to the same place."""
    run = RunDir.of_environment()
    with (run.tools / "tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        find_executables(run, Progress(to_stderr=True))


def _infra(action: str, environment: dict[str, str], flag: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "infra.deploy", "infra", action, flag],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"the test servers: `infra {action}` failed:\n{done.stderr}"
    return done.stdout


def _addresses_in(run_dir: Path) -> dict[str, str]:
    assert (run_dir / "env").exists(), f"{KEPT}={run_dir}: no servers run there; start them as tests/README.md says"
    return dict(line.split("=", 1) for line in (run_dir / "env").read_text().splitlines() if line)


def _read(run_dir: Path, addresses: dict[str, str]) -> Servers:
    return Servers(
        run_dir.absolute(),
        addresses["MONGODB_URI"],
        addresses["REDIS_URL"],
        addresses["RABBITMQ_URL"],
        addresses["CONSUL_HTTP_ADDR"],
    )
