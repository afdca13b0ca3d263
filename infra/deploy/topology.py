"""How many instances of each service run, and how many MongoDB members."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from infra.deploy.errors import DeployError

SERVICES = ("auth", "presence", "messaging", "gateway")
MAX_INSTANCES = 100  # the port plan leaves a hundred ports to each service

_SCALE = re.compile(r"([a-z-]+)=(\d+)")


@dataclass(frozen=True)
class Topology:
    """`instances`: how many of each of `SERVICES`; `mongo_members`: members of the replica set."""

    instances: Mapping[str, int]
    mongo_members: int

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {service}" for service, count in self.instances.items())
        return f"{counts}, {self.mongo_members} MongoDB"

    @property
    def total(self) -> int:
        return sum(self.instances.values())

    def scaled(self, counts: Mapping[str, int]) -> "Topology":
        return Topology({**self.instances, **counts}, self.mongo_members)


CLUSTER = Topology({"auth": 2, "presence": 2, "messaging": 2, "gateway": 3}, mongo_members=3)
SINGLE = Topology(dict.fromkeys(SERVICES, 1), mongo_members=1)


def default_topology(cluster_mode: str | None) -> Topology:
    """The topology for a value of CLUSTER_MODE. Raises DeployError for anything but true and false."""
    match (cluster_mode or "true").strip().lower():
        case "true" | "1" | "yes" | "on":
            return CLUSTER
        case "false" | "0" | "no" | "off":
            return SINGLE
        case other:
            raise DeployError(f"CLUSTER_MODE is {other!r}: set it to true (default) or false")


def check_service(name: str) -> str:
    """`name` if it is one of Warren's services. Raises DeployError otherwise."""
    if name not in SERVICES:
        raise DeployError(f"there is no service {name!r}: choose one of {', '.join(SERVICES)}")
    return name


def parse_scale(arguments: Iterable[str]) -> dict[str, int]:
    """`["gateway=5", "auth=3"]` as `{"gateway": 5, "auth": 3}`.

    Raises DeployError for what makes no sense.
    """
    counts: dict[str, int] = {}
    for argument in arguments:
        match = _SCALE.fullmatch(argument)
        if match is None:
            raise DeployError(f"cannot scale {argument!r}: write SERVICE=NUMBER, for example gateway=5")
        service, count = check_service(match[1]), int(match[2])
        if not 1 <= count <= MAX_INSTANCES:
            raise DeployError(f"cannot scale {service} to {count}: choose 1 to {MAX_INSTANCES}")
        if service in counts:
            raise DeployError(f"{service} is given twice: name each service once")
        counts[service] = count
    return counts
