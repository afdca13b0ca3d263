"""What the engine says about the project's containers, and whether the instance in each is ready."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.deploy.status import PASSING, Instance
from infra.deploy.topology import SERVICES


@dataclass(frozen=True)
class Container:
    """One container.

    state: the engine's word (created, running, restarting, exited). started: when its process last did, RFC 3339.
    restarts: how often the engine started it again.
    """

    id: str
    name: str
    service: str
    number: int
    state: str
    exit_code: int = 0
    started: str = ""
    restarts: int = 0

    @property
    def instance_ids(self) -> tuple[str, str]:
        """The SERVER_ID of the service in it, and the one it takes where the engine's DNS tells no names."""
        return f"{self.service}-{self.number}", f"{self.service}-{self.id[:12]}"

    def holds(self, instance: Instance) -> bool:
        return instance.service == self.service and instance.id in self.instance_ids

    def is_ready(self, instances: Iterable[Instance]) -> bool:
        """Whether Consul's checks of this very process pass, not those that its forerunner of the same name left."""
        return self.state == "running" and any(
            instance.state == PASSING and not _older(instance.started, self.started)
            for instance in instances
            if self.holds(instance)
        )


def read(descriptions: Iterable[Mapping[str, Any]]) -> list[Container]:
    """Containers from `docker inspect`, ordered by service and number."""
    found = [_container(description) for description in descriptions]
    return sorted(found, key=lambda container: (container.service, container.number))


def of_services(containers: Iterable[Container], services: Iterable[str] = SERVICES) -> list[Container]:
    wanted = set(services)
    return [container for container in containers if container.service in wanted]


def counts(containers: Iterable[Container]) -> dict[str, int]:
    """How many containers each of Warren's services has."""
    found: dict[str, int] = {}
    for container in of_services(containers):
        found[container.service] = found.get(container.service, 0) + 1
    return found


def expected(containers: Iterable[Container], instances: Iterable[Instance]) -> dict[str, str]:
    """Instance id -> service for each container: the id that it is registered by, else the one it will be."""
    known = {instance.id for instance in instances}
    ids: dict[str, str] = {}
    for container in of_services(containers):
        usual, other = container.instance_ids
        ids[other if other in known and usual not in known else usual] = container.service
    return ids


def _container(description: Mapping[str, Any]) -> Container:
    labels, state = description["Config"]["Labels"], description["State"]
    return Container(
        id=description["Id"],
        name=description["Name"].lstrip("/"),
        service=labels["com.docker.compose.service"],
        number=int(labels["com.docker.compose.container-number"]),
        state=state["Status"],
        exit_code=state["ExitCode"],
        started=state["StartedAt"],
        restarts=description.get("RestartCount", 0),
    )


def _older(registered: str, started: str) -> bool:
    """Whether a registration was made by a process that started before this one; an unknown time counts as no.

    The registration may be cut to whole seconds.
    """
    try:
        return datetime.fromisoformat(registered) < datetime.fromisoformat(started).replace(microsecond=0)
    except (ValueError, TypeError):
        return False
