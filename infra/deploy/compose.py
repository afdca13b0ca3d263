"""Docker Compose mode (`infra.deploy.mode.Mode`): what the commands do with compose.yaml, the engine and Consul.

What runs, and how much of it, is asked of the engine each time, so these and plain `docker compose` commands mix.
"""

import contextlib
import time
from collections.abc import Iterable

from infra.deploy import compose_readiness, containers, preflight, round_trip
from infra.deploy import ports as port_plan
from infra.deploy.compose_project import Project
from infra.deploy.containers import Container
from infra.deploy.errors import DeployError
from infra.deploy.progress import Progress
from infra.deploy.readiness import forget_strangers
from infra.deploy.status import Status, read_instances, with_missing
from infra.deploy.topology import SERVICES

COMMAND = "./scripts/deploy-distributed.sh"
BUILT = ("replica-set", "nginx")  # the services of compose.yaml that say how Warren's two images are built
STOP_SECONDS = "25"
LINES = "100"


def up() -> None:
    project, progress, begun = Project.of_environment(), Progress(), time.monotonic()
    with preflight.locked(project.run):
        project.engine.check()
        preflight.check_disk(project.run)
        before = project.containers()
        running = any(container.state == "running" for container in before)
        if not running:
            port_plan.check_free(project.ports_wanted())
        try:
            _start(project, before, progress)
        except BaseException:
            if not running:
                with progress.step("stop again what was started"):
                    _stop(project)
            raise
    _say_where(project, progress, time.monotonic() - begun)


def status() -> Status:
    project = Project.of_environment()
    instances = read_instances(project.address("consul"))
    return Status(
        app=f"http://{project.address('nginx')}",
        consul=f"http://{project.address('consul')}",
        rabbitmq=f"http://{project.address('rabbitmq')}",
        instances=with_missing(instances, containers.expected(project.containers(), instances)),
    )


def logs(service: str | None, follow: bool) -> None:
    project = Project.of_environment()
    options = ["--tail", LINES, *(["--follow"] if follow else [])]
    one = next((found for found in project.containers() if service in found.instance_ids), None)
    with contextlib.suppress(KeyboardInterrupt):  # the way to end --follow
        if one is not None:
            project.engine.show("logs", *options, one.id)
            return
        project.check_name(service)
        project.engine.show("compose", "logs", *options, *([service] if service else []))


def scale(counts: dict[str, int]) -> None:
    project, progress = Project.of_environment(), Progress()
    most = project.most_gateways()
    if counts.get("gateway", 0) > most:
        raise DeployError(
            f"cannot scale gateway to {counts['gateway']}: its port ranges hold {most}, "
            "widen them with WARREN_GATEWAY_PORTS and WARREN_SOCKET_PORTS"
        )
    with preflight.locked(project.run):
        with progress.step(f"scale {', '.join(f'{service} to {count}' for service, count in counts.items())}"):
            options = ("--detach", "--no-build", "--no-deps", "--no-recreate")
            project.engine.compose("up", *options, *_scale_options(counts), *counts)
        _wait(project, counts, progress)


def restart(service: str) -> None:
    project, progress = Project.of_environment(), Progress()
    with preflight.locked(project.run):
        for container in containers.of_services(project.containers(), [service]):
            with progress.step(f"restart {container.instance_ids[0]}"):
                project.engine.run("restart", "--time", STOP_SECONDS, container.id)
                compose_readiness.wait_for(project, service, only=container.id)


def down(wipe: bool) -> None:
    project, progress = Project.of_environment(), Progress()
    with preflight.locked(project.run):
        project.engine.check()
        with progress.step("stop everything, remove data and secrets" if wipe else "stop everything"):
            _stop(project, *(["--volumes"] if wipe else []))
        if wipe:
            project.forget()


def _start(project: Project, before: Iterable[Container], progress: Progress) -> None:
    engine = project.engine
    with progress.step("build Warren's images"):
        engine.compose("build", *BUILT, log=project.run.logs / "compose-build.log")
    with progress.step("fetch the servers' images"):
        engine.compose("pull", "--policy", "missing", "--ignore-buildable", "--quiet")
    counts = project.counts(before)
    with progress.step("start the containers"):
        project.keep()
        engine.compose("up", "--detach", "--no-build", "--remove-orphans", *_scale_options(counts))
    members = project.mongo_members
    with progress.step(f"MongoDB ({members} {'member' if members == 1 else 'members'}, a primary)"):
        compose_readiness.wait_for_replica_set(project)
    _wait(project, SERVICES, progress)
    with progress.step("a message goes round"):
        round_trip.check(f"http://{project.address('nginx')}", project.run)


def _wait(project: Project, services: Iterable[str], progress: Progress) -> None:
    """Return when every instance of `services` is ready and nothing else is registered."""
    for service in services:
        with progress.step(f"{service} is ready"):
            compose_readiness.wait_for(project, service)
    consul = project.address("consul")
    forget_strangers(consul, containers.expected(project.containers(), read_instances(consul)))


def _stop(project: Project, *options: str) -> None:
    project.engine.compose("down", "--remove-orphans", "--timeout", STOP_SECONDS, *options)


def _scale_options(counts: dict[str, int]) -> list[str]:
    return [word for service, count in counts.items() for word in ("--scale", f"{service}={count}")]


def _say_where(project: Project, progress: Progress, seconds: float) -> None:
    tell = "docker compose exec rabbitmq cat /run/warren/password"
    progress.say(f"""
Warren is ready after {seconds:.0f} s.

  App        http://{project.address("nginx")}
  Consul     http://{project.address("consul")}/ui
  RabbitMQ   http://{project.address("rabbitmq")}  (user warren, password: {tell})

  Status     {COMMAND} status
  Logs       {COMMAND} logs [service] [-f]
  Stop       {COMMAND} down
""")
