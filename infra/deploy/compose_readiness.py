"""Waits until containers do their work: the replica set made, every instance passing its checks in Consul."""

import time
from collections.abc import Sequence

import consul
import requests

from infra.deploy import containers
from infra.deploy.compose_project import Project
from infra.deploy.containers import Container
from infra.deploy.errors import DeployError
from infra.deploy.status import Instance, consul_client, read_service

WAIT_SECONDS = 180.0
MOST_RESTARTS = 3  # one that the engine started again so often while we wait does not come up by waiting longer
POLL_SECONDS = 0.5  # while Consul does not answer; afterwards it tells of changes by itself


def wait_for(project: Project, service: str, only: str | None = None) -> None:
    """Return when every container of `service`, or the one of id `only`, holds an instance that Consul finds ready.

    Raises DeployError naming the first that does not come up, with the reason it gives itself.
    """
    client, until = consul_client(project.address("consul")), time.monotonic() + WAIT_SECONDS
    restarts: dict[str, int] = {}
    index: str | None = None
    instances: Sequence[Instance] = ()
    while True:
        wanted = [one for one in project.containers() if one.service == service and only in (None, one.id)]
        pending = [container for container in wanted if not container.is_ready(instances)]
        if wanted and not pending:
            return
        for container in pending:
            if container.restarts - restarts.setdefault(container.id, container.restarts) >= MOST_RESTARTS:
                raise DeployError(f"{_name(container)} ends again and again: {_last_line(project, container)}")
        if time.monotonic() > until:
            raise DeployError(_why_not(project, service, pending, instances))
        try:
            index, instances = read_service(client, service, index, wait="1s")
        except (consul.ConsulException, requests.RequestException):
            index, instances = None, ()
            time.sleep(POLL_SECONDS)


def wait_for_replica_set(project: Project) -> None:
    """Return when the container that makes the replica set has done so. Raises DeployError when it gives up."""
    restarts: int | None = None
    while True:
        container = containers.of_services(project.containers(), ["replica-set"])[0]
        if container.state == "exited" and container.exit_code == 0:
            return
        restarts = container.restarts if restarts is None else restarts
        if container.restarts - restarts >= MOST_RESTARTS:
            raise DeployError(f"MongoDB: {_last_line(project, container)} (`logs mongo-1` and `logs replica-set`)")
        project.engine.run("wait", container.id)


def _why_not(project: Project, service: str, pending: Sequence[Container], instances: Sequence[Instance]) -> str:
    if not pending:
        return f"{service} has no containers: see `docker compose ps --all`"
    container = pending[0]
    instance = next((found for found in instances if container.holds(found)), None)
    reason = instance.output if instance and instance.output else _last_line(project, container)
    return f"{_name(container)} is not ready after {WAIT_SECONDS:.0f} s: {reason} (`logs {_name(container)}` has more)"


def _name(container: Container) -> str:
    return container.instance_ids[0]


def _last_line(project: Project, container: Container) -> str:
    lines = project.engine.logs(container.id).splitlines()
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "it logged nothing")
