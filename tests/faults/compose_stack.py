"""Warren on Docker Compose with three RabbitMQ nodes, for the experiment that needs them."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from pymongo import MongoClient

from infra.deploy.ports import is_free
from tests.support.servers import PROJECT
from tests.support.stack import Stack, deploy

FILES = "compose.yaml:infra/compose/cluster.yaml"
OFFSETS = range(9_000, 17_000, 700)
PORTS = (3000, 8500, 15672, *range(5000, 5020), *range(6000, 6020))
"""What compose.yaml publishes, before an offset is added."""

NODES = ("rabbitmq", "rabbitmq-2", "rabbitmq-3")
MONGO = ("mongo-1", "mongo-2", "mongo-3")
COMMAND_SECONDS = 120


class ComposeStack(Stack):
    """Programs are Compose services. The host reaches containers by their addresses, so this needs a Linux engine."""

    def __init__(self, run_dir: Path, environment: dict[str, str]) -> None:
        super().__init__(run_dir, environment)
        self._docker_environment = environment

    def kill(self, program: str) -> int:
        """SIGKILL of all its processes, at the end of this call, and it stays down until `start`. The pid that died."""
        self._docker("update", "--restart", "no", self._id(program))
        pid = int(self._inspect(program, "{{.State.Pid}}"))
        os.kill(pid, signal.SIGKILL)
        return pid

    def start(self, *programs: str) -> None:
        ids = [self._id(program) for program in programs]
        self._docker("start", *ids)
        self._docker("update", "--restart", "unless-stopped", *ids)

    def ids(self, service: str) -> list[str]:
        return list(NODES) if service == "rabbitmq" else super().ids(service)

    def secret(self, name: str) -> str:
        """`password` of RabbitMQ."""
        return self._docker("compose", "exec", "-T", self._running_node(), "cat", f"/run/warren/{name}").strip()

    def address(self, name: str) -> str:
        """MONGODB_URI only: the primary's own, as the members' names are only known among the containers."""
        assert name == "MONGODB_URI", f"{name} is not asked for on Compose"
        inside = self._docker("compose", "exec", "-T", "auth", "cat", "/run/warren/mongodb_uri").strip()
        login, _, rest = inside.rpartition("@")
        database = rest.partition("/")[2].partition("?")[0]
        for member in MONGO:
            template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
            uri = f"{login}@{self._inspect(member, template)}:27017/{database}?authSource=warren&directConnection=true"
            client: MongoClient[dict[str, Any]] = MongoClient(uri)
            with client:
                if client.admin.command("hello")["isWritablePrimary"]:
                    return uri
        raise AssertionError("MongoDB has no primary")

    def queues(self) -> list[dict[str, Any]]:
        """As the management API lists them."""
        auth = ("warren", self.secret("password"))
        answer = httpx.get(f"{self.rabbitmq}/api/queues", auth=auth, timeout=10, trust_env=False)
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()
        return found

    def keep_logs(self, to: Path) -> None:
        to.mkdir(parents=True, exist_ok=True)
        (to / "compose.log").write_text(self._docker("compose", "logs", "--no-color", "--timestamps"))

    def _running_node(self) -> str:
        return next(node for node in NODES if self._inspect(node, "{{.State.Running}}") == "true")

    def _id(self, service: str) -> str:
        return self._docker("compose", "ps", "--all", "--quiet", service).split()[0]

    def _inspect(self, service: str, template: str) -> str:
        return self._docker("inspect", "--format", template, self._id(service)).strip()

    def _docker(self, *words: str) -> str:
        done = subprocess.run(
            ["docker", *words],
            cwd=PROJECT,
            env=self._docker_environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"docker {' '.join(words)} failed:\n{done.stderr}"
        return done.stdout


@contextmanager
def running() -> Iterator[ComposeStack]:
    """Warren on Compose, made for this and removed after it."""
    run_dir = Path(tempfile.mkdtemp(prefix="warren-"))
    offset = next(offset for offset in OFFSETS if all(is_free(port + offset) for port in PORTS))
    environment = {
        **os.environ,
        "CLUSTER_MODE": "true",
        "NODE_ENV": "development",
        "RATE_LIMITS": "off",
        "WARREN_RUN_DIR": str(run_dir),
        "WARREN_PORT_OFFSET": str(offset),
        "COMPOSE_PROJECT_NAME": f"warren-{offset}",
        "COMPOSE_FILE": FILES,
    }
    try:
        deploy(environment, "up", "--docker")
        os.sync()  # images were built: what of them is still to be written would hold up every fsync for seconds
        yield ComposeStack(run_dir, environment)
    finally:
        deploy(environment, "down", "--docker", "--wipe")
        shutil.rmtree(run_dir, ignore_errors=True)
