"""The servers that Warren stands on (RabbitMQ, MongoDB, Redis, Consul); alone with `infra up`, for tests."""

import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import redis
import requests

from infra.consul import native as consul_native
from infra.deploy import leftovers, preflight
from infra.deploy.errors import DeployError
from infra.deploy.install import apt, consul, mongod
from infra.deploy.ports import Ports
from infra.deploy.program import Program
from infra.deploy.progress import Progress
from infra.deploy.run_dir import RunDir, write_private
from infra.deploy.supervision import Supervisor
from infra.deploy.together import together
from infra.deploy.topology import default_topology
from infra.mongo import native as mongo_native
from infra.mongo import replica_set
from infra.rabbitmq import native as rabbitmq_native
from infra.redis import native as redis_native

WAIT_SECONDS = 120
POLL_SECONDS = 0.1
STOP_ORDER = ("mongo", "rabbitmq", "redis", "consul", "epmd")


@dataclass(frozen=True)
class Executables:
    mongod: str
    consul: str
    redis: str


def packages_missing() -> list[str]:
    """Packages of the distribution that the servers need and this machine lacks."""
    present = {
        "rabbitmq-server": (rabbitmq_native.SCRIPTS / "rabbitmq-server").exists(),
        "redis-server": shutil.which("redis-server") is not None,
    }
    return [package for package, found in present.items() if not found]


def find_executables(run: RunDir, progress: Progress) -> Executables:
    """Fetch what is missing (distribution packages first: apt does one thing at a time) and say where each is."""
    if missing := packages_missing():
        with progress.step(f"install {', '.join(missing)}"):
            apt.install(missing)

    def find(name: str, finder: Callable[[RunDir], str]) -> str:
        with progress.step(f"find {name}, or fetch it"):
            return finder(run)

    mongod_found, consul_found = together(
        [
            lambda: find("MongoDB", lambda run: mongod.find(run.tools)),
            lambda: find("Consul", lambda run: consul.find(run.tools)),
        ]
    )
    return Executables(mongod_found, consul_found, shutil.which("redis-server") or "redis-server")


def programs(run: RunDir, ports: Ports, members: int, executables: Executables) -> list[Program]:
    return [
        *rabbitmq_native.programs(run, ports),
        *mongo_native.programs(run, ports, members, executables.mongod),
        redis_native.program(run, ports, executables.redis),
        consul_native.program(run, ports, executables.consul),
    ]


def addresses(run: RunDir, ports: Ports, members: int) -> dict[str, str]:
    """The variables by which services find the servers."""
    return {
        "MONGODB_URI": mongo_native.url(run, ports, members),
        "REDIS_URL": redis_native.url(run, ports),
        "RABBITMQ_URL": rabbitmq_native.url(run, ports),
        "CONSUL_HTTP_ADDR": consul_native.address(ports),
    }


def write_addresses(run: RunDir, variables: Mapping[str, str]) -> None:
    write_private(run.root / "env", "".join(f"{name}={value}\n" for name, value in variables.items()))


class Waits:
    """Waits for each server; all return as soon as it does its work, not when its process exists."""

    def __init__(self, run: RunDir, ports: Ports, members: int) -> None:
        self._run, self._ports, self._members = run, ports, members

    def mongo(self) -> None:
        settings = mongo_native.settings(self._run, self._ports, self._members)
        try:
            replica_set.bring_up(settings)
        except replica_set.ReplicaSetError as error:
            raise DeployError(f"MongoDB: {error} (`logs mongo-1`)") from error

    def rabbitmq(self) -> None:
        _until("RabbitMQ", "rabbitmq", self._amqp_greets)

    def redis(self) -> None:
        client = redis.Redis.from_url(redis_native.url(self._run, self._ports))
        with client:
            _until("Redis", "redis", client.ping)

    def consul(self) -> None:
        url = f"http://{consul_native.address(self._ports)}/v1/status/leader"
        _until("Consul", "consul", lambda: requests.get(url, timeout=2).json() != "")

    def all(self, progress: Progress, when_mongo_answers: Callable[[], None] = lambda: None) -> None:
        """Side by side; the first that fails is raised at once."""

        def mongo() -> None:
            self.mongo()
            when_mongo_answers()

        def wait(name: str, waiting: Callable[[], None]) -> None:
            with progress.step(f"{name} answers"):
                waiting()

        members = "1 member" if self._members == 1 else f"{self._members} members"
        waits = {
            "RabbitMQ": self.rabbitmq,
            f"MongoDB ({members}, a primary)": mongo,
            "Redis": self.redis,
            "Consul": self.consul,
        }
        together([partial(wait, name, waiting) for name, waiting in waits.items()])

    def _amqp_greets(self) -> bool:
        """The broker opens this port last, when users, queues and plugins are there."""
        with socket.create_connection(("127.0.0.1", self._ports.amqp), timeout=2) as link:
            link.sendall(b"AMQP\x00\x00\x09\x01")
            method_frame = b"\x01"
            return link.recv(1) == method_frame


def up_alone(as_json: bool) -> None:
    """`infra up`: start only the servers and print their addresses. Starts what is missing when called again."""
    run, progress = RunDir.of_environment(), Progress(to_stderr=True)
    ports = Ports.of(run)
    with preflight.locked(run):
        preflight.check_disk(run)
        members = wanted_members(run)
        executables = find_executables(run, progress)
        wanted = programs(run, ports, members, executables)
        supervisor = Supervisor(run)
        ours = preflight.clear_the_way(run, supervisor, wanted, progress)
        try:
            ports.keep(run)
            if ours:  # when all run, services may too, and are left alone
                supervisor.run(wanted)
            Waits(run, ports, members).all(progress)
        except BaseException:
            if ours:
                stop_all(run, supervisor)
            raise
        variables = addresses(run, ports, members)
        write_addresses(run, variables)
    print(json.dumps(variables, indent=2) if as_json else "\n".join(map("=".join, variables.items())))


def down_alone(wipe: bool) -> None:
    """`infra down`: stop what runs in this run directory."""
    run = RunDir.of_environment()
    with preflight.locked(run):
        stop_all(run, Supervisor(run))
        if wipe:
            wipe_data(run)


def wanted_members(run: RunDir) -> int:
    """Members of the replica set: as CLUSTER_MODE says, but never fewer than hold data, or the set has no majority."""
    return max(default_topology(os.environ.get("CLUSTER_MODE")).mongo_members, mongo_native.members_with_data(run))


def stop_all(run: RunDir, supervisor: Supervisor) -> None:
    """Stop outward-in and return when no process of this run directory is left."""
    if supervisor.running:
        names = list(supervisor.states())
        servers = [name for name in names if name.startswith(STOP_ORDER)]
        for group in (
            [name for name in names if name.startswith("nginx")],
            [name for name in names if name not in servers and not name.startswith("nginx")],
            [name for name in servers if name != "epmd"],
        ):
            supervisor.stop(group)
        supervisor.shutdown()
    leftovers.end(run)


def wipe_data(run: RunDir) -> None:
    """Remove data, logs, configuration and secrets; what was downloaded stays."""
    for name in ("data", "logs", "conf", "secrets", "groups"):
        shutil.rmtree(run.root / name, ignore_errors=True)
    for name in ("env", "topology.json", "port-offset"):
        (run.root / name).unlink(missing_ok=True)


def _until(name: str, program: str, works: Callable[[], object]) -> None:
    """Ask until it works. Raises DeployError after two minutes."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            if works():
                return
            reason = "it is not ready"
        except (OSError, redis.RedisError, requests.RequestException, ValueError) as error:
            reason = str(error)
        if time.monotonic() > until:
            raise DeployError(f"{name} does not answer after {WAIT_SECONDS} s ({reason}): see `logs {program}`")
        time.sleep(POLL_SECONDS)
