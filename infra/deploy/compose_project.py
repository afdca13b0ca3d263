"""The Compose project as a value: its variables, containers and addresses."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from infra.deploy import containers
from infra.deploy.containers import Container
from infra.deploy.engine import Engine
from infra.deploy.errors import DeployError
from infra.deploy.ports import Ports
from infra.deploy.run_dir import PROJECT, RunDir
from infra.deploy.topology import SERVICES, Topology, default_topology

APP_PORT, CONSUL_PORT, RABBITMQ_PORT = 3000, 8500, 15672  # inside the containers
RANGE = 20  # gateways that the port ranges hold
PURPOSES = {"nginx": "the app", "consul": "Consul", "rabbitmq": "RabbitMQ (management)"}


@dataclass(frozen=True)
class Project:
    """The project of one run directory, as compose.yaml, the variables and the engine have it."""

    run: RunDir
    engine: Engine

    @classmethod
    def of_environment(cls) -> "Project":
        run = RunDir.of_environment()
        topology = default_topology(os.environ.get("CLUSTER_MODE"))
        variables = {
            **variables_of_offset(Ports.of(run).offset),
            **variables_of_topology(topology, max(topology.mongo_members, _kept_members(run))),
        }
        return cls(run, Engine(PROJECT, {**variables, **os.environ}))

    @cached_property
    def description(self) -> Mapping[str, Any]:
        """compose.yaml with all variables filled in."""
        return self.engine.project()

    @property
    def services(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.description["services"]
        return found

    def containers(self) -> list[Container]:
        return containers.read(self.engine.inspect(self.description["name"]))

    @property
    def mongo_members(self) -> int:
        return 1 + sum(
            self._replicas(name) for name in self.services if name.startswith("mongo-") and name != "mongo-1"
        )

    def keep(self) -> None:
        """Note what data was made with: the ports, and how many members hold it, as fewer would have no majority."""
        Ports.of(self.run).keep(self.run)
        _members_file(self.run).write_text(f"{self.mongo_members}\n")

    def forget(self) -> None:
        """The data is gone: forget what it was made with, unless native mode has data here too."""
        _members_file(self.run).unlink(missing_ok=True)
        self.run.secret_path("check-account.json").unlink(missing_ok=True)
        if not (self.run.root / "data").exists():
            (self.run.root / "port-offset").unlink(missing_ok=True)

    def counts(self, found: Iterable[Container]) -> dict[str, int]:
        """How many containers each of Warren's services is to have: as many as it has, else what compose.yaml says."""
        return {service: self._replicas(service) for service in SERVICES} | containers.counts(found)

    def ports_wanted(self) -> dict[int, str]:
        """Ports of this machine that must be free, and what for. Gateways take any of their range."""
        return {int(self.services[name]["ports"][0]["published"]): purpose for name, purpose in PURPOSES.items()}

    def most_gateways(self) -> int:
        return min(size_of(port["published"]) for port in self.services["gateway"]["ports"])

    def address(self, service: str) -> str:
        """`host:port` at which the people of this machine reach the app, Consul or RabbitMQ's management."""
        port = self.services[service]["ports"][0]
        host = port.get("host_ip", "")
        return f"{'localhost' if host in ('', '127.0.0.1', '0.0.0.0', '::') else host}:{port['published']}"  # noqa: S104

    def check_name(self, name: str | None) -> None:
        """Raises DeployError when compose.yaml has no such service."""
        if name is not None and name not in self.services:
            known = ", ".join(self.services)
            raise DeployError(f"there is no {name!r}: choose one of {known}, or an instance such as gateway-1")

    def _replicas(self, service: str) -> int:
        deploy = self.services[service].get("deploy") or {}
        return int(deploy.get("replicas", 1))


def variables_of_offset(offset: int) -> dict[str, str]:
    """Variables of compose.yaml that set a second Warren apart from the first; none for the first.

    offset: what is added to every port. The network's numbers follow from it, as the containers' networks may not
    overlap.
    """
    if offset == 0:
        return {}
    return {
        "COMPOSE_PROJECT_NAME": f"warren-{offset}",
        "WARREN_NETWORK": f"172.{30 + offset // 100 // 256}.{offset // 100 % 256}",
        "WARREN_PORT": str(3000 + offset),
        "WARREN_CONSUL_PORT": str(8500 + offset),
        "WARREN_RABBITMQ_PORT": str(15672 + offset),
        "WARREN_GATEWAY_PORTS": f"{5000 + offset}-{5000 + offset + RANGE - 1}",
        "WARREN_SOCKET_PORTS": f"{6000 + offset}-{6000 + offset + RANGE - 1}",
    }


def variables_of_topology(topology: Topology, mongo_members: int) -> dict[str, str]:
    """Variables of compose.yaml for one instance of each; none for a cluster: compose.yaml says that itself."""
    variables: dict[str, str] = {}
    if topology.total == len(SERVICES):
        variables |= {f"WARREN_{'GATEWAYS' if name == 'gateway' else name.upper()}": "1" for name in SERVICES}
    if mongo_members == 1:
        variables |= {"WARREN_MONGO_OTHERS": "0", "WARREN_MONGO_MEMBERS": "mongo-1:27017"}
    return variables


def size_of(published: str) -> int:
    """How many ports `5000-5019` or `5000` are."""
    first, _, last = published.partition("-")
    return int(last or first) - int(first) + 1


def _kept_members(run: RunDir) -> int:
    try:
        return int(_members_file(run).read_text())
    except FileNotFoundError:
        return 0


def _members_file(run: RunDir) -> Path:
    return run.folder() / "compose-mongo-members"
