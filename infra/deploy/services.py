"""Warren's own services as programs of native mode."""

import os
import sys
from collections.abc import Mapping

from infra.deploy.ports import Ports
from infra.deploy.program import Program
from infra.deploy.run_dir import PROJECT, RunDir
from infra.deploy.topology import SERVICES, Topology

# Settings of the services that whoever starts Warren may give; everything else is set here.
HANDED_ON = ("JWT_EXPIRE", "ROOM_PARTITIONS", "RATE_LIMITS", "LOG_LEVEL")


def server_id(service: str, index: int) -> str:
    return f"{service}-{index + 1}"


def instances(topology: Topology) -> dict[str, str]:
    """Every instance id -> its service."""
    return {server_id(service, index): service for service in SERVICES for index in range(topology.instances[service])}


def programs(run: RunDir, ports: Ports, topology: Topology, servers: Mapping[str, str]) -> list[Program]:
    """`servers`: the variables by which the servers are found."""
    shared = _shared_environment(run, ports, topology, servers)
    return [
        _program(service, index, ports, shared) for service in SERVICES for index in range(topology.instances[service])
    ]


def _program(service: str, index: int, ports: Ports, shared: Mapping[str, str]) -> Program:
    name, port = server_id(service, index), ports.service(service, index)
    environment = {**shared, "SERVER_ID": name, "PORT": str(port)}
    taken = {port: name}
    if service == "gateway":
        environment["SOCKET_PORT"] = str(ports.socket(index))
        taken[ports.socket(index)] = f"{name} (sockets)"
    return Program(
        name,
        [sys.executable, "-m", f"services.{service}"],
        environment=environment,
        directory=PROJECT,
        ports=taken,
        open_files=65536 if service == "gateway" else 4096,
    )


def _shared_environment(run: RunDir, ports: Ports, topology: Topology, servers: Mapping[str, str]) -> dict[str, str]:
    origins = f"http://localhost:{ports.app},http://127.0.0.1:{ports.app}"
    given = {name: value for name in HANDED_ON if (value := os.environ.get(name))}
    return {
        **servers,
        **given,
        "HOST": "127.0.0.1",
        "ADVERTISE_ADDRESS": "127.0.0.1",
        "JWT_SECRET": run.secret("jwt-secret", 32),
        "CLIENT_URL": os.environ.get("CLIENT_URL") or origins,
        "CLUSTER_MODE": "true" if topology.total > len(SERVICES) else "false",
        "NODE_ENV": os.environ.get("NODE_ENV") or "production",
        "PYTHONUNBUFFERED": "1",
    }
