"""Warren's own services as programs of native mode."""

import json
import os
import sys
from collections.abc import Mapping

from infra.deploy.ports import Ports
from infra.deploy.program import Program
from infra.deploy.run_dir import PROJECT, RunDir, write_private
from infra.deploy.topology import SERVICES, Topology

# Settings of the services that whoever starts Warren may give; everything else is set here.
HANDED_ON = ("JWT_EXPIRE", "ROOM_PARTITIONS", "ROOM_SPREAD", "RATE_LIMITS", "LOG_LEVEL", "CLIENT_URL", "NODE_ENV")
GIVEN_FILE = "given.json"


def given_settings(run: RunDir) -> dict[str, str]:
    """What whoever started Warren gave, from `up` to `down`: a later `scale` from another shell must not fall back to
    defaults, which would restart every instance at once. What is given now comes first."""
    path = run.folder() / GIVEN_FILE
    kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    given = kept | {name: value for name in HANDED_ON if (value := os.environ.get(name))}
    if given != kept:
        write_private(path, json.dumps(given))
    return given


def forget_given(run: RunDir) -> None:
    (run.root / GIVEN_FILE).unlink(missing_ok=True)


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
    given = given_settings(run)
    # The machine's own origin stays allowed: the check at start comes from there, and a socket needs a token anyway.
    allowed = f"{given['CLIENT_URL']},{origins}" if "CLIENT_URL" in given else origins
    return {
        **servers,
        **given,
        "HOST": "127.0.0.1",
        "ADVERTISE_ADDRESS": "127.0.0.1",
        "JWT_SECRET": run.secret("jwt-secret", 32),
        "CLIENT_URL": allowed,
        "CLUSTER_MODE": "true" if topology.total > len(SERVICES) else "false",
        "NODE_ENV": given.get("NODE_ENV", "production"),
        "PYTHONUNBUFFERED": "1",
    }
