"""What runs, as Consul's catalog and health checks tell it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import consul
import requests

from infra.deploy.errors import DeployError
from infra.deploy.topology import SERVICES

PASSING = "passing"
MISSING = "missing"


@dataclass(frozen=True)
class Instance:
    """One instance of a service.

    state: Consul's word for its checks (passing, warning, critical), or `missing` when it should run and
        is not registered.
    started: RFC 3339, "" when unknown. socket_port: gateways only. port and pid: None when unknown.
    """

    id: str
    service: str
    state: str
    address: str = ""
    port: int | None = None
    socket_port: int | None = None
    pid: int | None = None
    started: str = ""
    output: str = ""

    def uptime_seconds(self, now: datetime) -> float | None:
        return max(0.0, (now - datetime.fromisoformat(self.started)).total_seconds()) if self.started else None


@dataclass(frozen=True)
class Status:
    """The URLs people open (`app`, `consul`, `rabbitmq`) and every instance, ordered by service and id."""

    app: str
    consul: str
    rabbitmq: str
    instances: list[Instance] = field(default_factory=list)

    @property
    def all_ready(self) -> bool:
        return bool(self.instances) and all(instance.state == PASSING for instance in self.instances)

    def to_json(self) -> str:
        """What `status --json` prints: the documented fields and no others."""
        document = asdict(self)
        for instance in document["instances"]:
            del instance["started"], instance["output"]
        return json.dumps(document, indent=2)


def consul_client(address: str) -> Any:  # py-consul has no types
    """A client for `host:port` or `http://host:port`."""
    url = urlsplit(address if "//" in address else f"http://{address}")
    return consul.Consul(host=url.hostname, port=url.port or 8500, scheme=url.scheme)


def read_instances(consul_address: str, services: Iterable[str] = SERVICES) -> list[Instance]:
    """Every registered instance of `services`, ordered by service and id.

    Raises DeployError when Consul does not answer.
    """
    client = consul_client(consul_address)
    instances: list[Instance] = []
    try:
        for service in services:
            instances += read_service(client, service)[1]
    except (consul.ConsulException, requests.RequestException) as error:
        raise DeployError(
            f"Consul does not answer at {consul_address}: start Warren with `up`, or see `logs consul`"
        ) from error
    return in_order(instances)


def read_service(
    client: Any, service: str, index: str | None = None, wait: str | None = None
) -> tuple[str, list[Instance]]:
    """Consul's index and the instances of one service; with an `index`, only when something changed or after `wait`."""
    found, nodes = client.health.service(service, index=index, wait=wait)
    return found, [_instance(node) for node in nodes]


def in_order(instances: Iterable[Instance]) -> list[Instance]:
    return sorted(instances, key=lambda found: (SERVICES.index(found.service), natural_order(found.id)))


def natural_order(name: str) -> tuple[str, int]:
    """Sorts gateway-2 before gateway-10."""
    stem, _, number = name.rpartition("-")
    return (stem, int(number)) if number.isdigit() else (name, 0)


def with_missing(instances: list[Instance], expected: Mapping[str, str]) -> list[Instance]:
    """`instances` plus one `missing` for each id of `expected` (id -> service) that Consul does not know."""
    known = {instance.id for instance in instances}
    absent = [Instance(id, service, MISSING) for id, service in expected.items() if id not in known]
    return in_order([*instances, *absent])


def _instance(node: Mapping[str, Any]) -> Instance:
    service, checks = node["Service"], node["Checks"]
    meta = service.get("Meta") or {}
    return Instance(
        id=service["ID"],
        service=service["Service"],
        state=worst(check["Status"] for check in checks),
        address=service["Address"] or node["Node"]["Address"],
        port=service["Port"],
        socket_port=_number(meta.get("socket_port")),
        pid=_number(meta.get("pid")),
        started=meta.get("started", ""),
        output="; ".join(check["Output"].strip() for check in checks if check["Status"] != PASSING),
    )


def worst(states: Iterable[str]) -> str:
    """The worst of Consul's states; nothing checked counts as critical."""
    found = set(states)
    return next((state for state in ("critical", "warning", PASSING) if state in found), "critical")


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None
