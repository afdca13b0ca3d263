"""Talks to the Docker engine through its command line, and says in one line what is wrong when it refuses."""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.deploy.errors import DeployError
from infra.deploy.ports import owner_of

ENGINE_MISSING = "Docker is not installed: install it (https://docs.docker.com/engine/install/), or use --native"
COMPOSE_MISSING = "Docker has no `compose` plugin: install docker-compose-plugin, or use --native"
NO_PERMISSION = "you may not use the Docker engine: join the group `docker` and sign in again, or use sudo"
NO_ANSWER = "the Docker engine does not answer: start it (sudo systemctl start docker), or use --native"

# As engines of different years say it.
_PORT_TAKEN = (
    r":(\d+) failed: port is already allocated"
    r"|:(\d+): bind: address already in use"
    r"|bind host port (?:for )?[\d.]+:(\d+).*address already in use"
)


class Engine:
    """The engine and the Compose project in `folder`.

    environment: the process's, with the variables for compose.yaml; it goes above what stands in .env.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self._environment = dict(environment)

    def check(self) -> None:
        """Raises DeployError when there is no engine, no Compose, or no permission."""
        self.run("version", "--format", "{{.Server.Version}}")
        if self._call(["docker", "compose", "version"]).returncode != 0:
            raise DeployError(COMPOSE_MISSING)

    def run(self, *arguments: str, log: Path | None = None) -> str:
        """Run `docker ...` and return what it printed; with `log`, keep all of its output there.

        Raises DeployError with one line when it fails.
        """
        done = self._call(["docker", *arguments])
        if log is not None:
            log.write_text(done.stdout + done.stderr)
        if done.returncode != 0:
            more = f" (all of it: {log})" if log else ""
            raise DeployError(explain(done.stderr or done.stdout) + more)
        return done.stdout

    def compose(self, *arguments: str, log: Path | None = None) -> str:
        return self.run("compose", "--progress", "plain", *arguments, log=log)

    def show(self, *arguments: str) -> None:
        """Run `docker ...` and let it print by itself, until it ends or the reader interrupts."""
        code = subprocess.run(["docker", *arguments], cwd=self.folder, env=self._environment, check=False).returncode
        if code not in (0, 130):
            raise DeployError(f"`docker {' '.join(arguments)}` failed with exit code {code}: see above")

    def project(self) -> dict[str, Any]:
        """compose.yaml with all variables filled in."""
        found: dict[str, Any] = json.loads(self.compose("config", "--format", "json"))
        return found

    def inspect(self, project: str) -> list[dict[str, Any]]:
        """The engine's description of every container of the project, also of those that have ended."""
        label = f"label=com.docker.compose.project={project}"
        ids = self.run("ps", "--all", "--quiet", "--no-trunc", "--filter", label).split()
        # One that goes away between the two calls is not an error; the others are described all the same.
        text = self._call(["docker", "inspect", *ids]).stdout if ids else "[]"
        found: list[dict[str, Any]] = json.loads(text or "[]")
        return found

    def logs(self, container: str) -> str:
        """The newest lines that a container printed, errors last."""
        done = self._call(["docker", "logs", "--tail", "20", container])
        return done.stdout + done.stderr

    def _call(self, command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        try:
            return subprocess.run(
                command, cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False
            )
        except FileNotFoundError as error:
            raise DeployError(ENGINE_MISSING) from error


def explain(output: str) -> str:
    """One line that says what the engine's complaint means and what to do; its own last words when it is not known."""
    if re.search(r"permission denied.*docker.*sock", output, re.IGNORECASE):
        return NO_PERMISSION
    if re.search(r"cannot connect to the docker daemon|is the docker daemon running", output, re.IGNORECASE):
        return NO_ANSWER
    if port := re.search(_PORT_TAKEN, output):
        return _port_taken(int(next(filter(None, port.groups()))))
    if re.search(r"all ports are allocated", output):
        return "every port of a gateway range is in use: widen WARREN_GATEWAY_PORTS and WARREN_SOCKET_PORTS"
    if re.search(r"overlaps with other one|failed to allocate gateway|Address already in use", output):
        return "the network that the containers want is in use: choose another, such as WARREN_NETWORK=172.30.77"
    if "no space left on device" in output:
        return "the engine's disk is full: make room, for example with `docker system prune`"
    last = _last_words(output)
    if re.search(
        r"pull access denied|manifest unknown|failed to resolve source|dial tcp|i/o timeout|no such host", output
    ):
        return f"an image cannot be fetched: check this machine's way to the registry ({last})"
    if re.search(r"failed to solve|executor failed|returned a non-zero code", output):
        return f"building an image failed: {last}"
    return f"Docker says: {last}"


def _port_taken(port: int) -> str:
    owner = owner_of(port)
    by = f" by {owner}" if owner else ""
    return f"port {port} is in use{by}: stop that, or move all of Warren's ports with WARREN_PORT_OFFSET=10000"


def _last_words(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip() and not set(line.strip()) <= {"-", "="}]
    return re.sub(r"^Error response from daemon: ", "", lines[-1])[:300] if lines else "nothing"
