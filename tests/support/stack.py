"""The whole of Warren, started by the real deployment command, once for all system and browser tests of a run.

Normally started for this run and removed after it. With WARREN_TEST_STACK=<run directory> the Warren of that directory
is used and left running: quicker while developing (`tests/README.md`).
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from pymongo import MongoClient
from redis import Redis

from infra.deploy import temporary
from infra.deploy.run_dir import RunDir
from infra.deploy.supervision import Supervisor
from tests.support.servers import PROJECT, fetch_what_is_missing
from tests.support.waiting import eventually, until

COMMAND = "./scripts/deploy-distributed.sh"
KEPT = "WARREN_TEST_STACK"
LOGS = PROJECT / "test-results" / "logs"
UP_SECONDS = 600
BACK_SECONDS = 40.0


@dataclass(frozen=True)
class Gateway:
    """One gateway's own doors, past nginx: `url` for REST and operations, `ws` for sockets."""

    id: str
    url: str
    ws: str


class Stack:
    """A running Warren. `app` is its public origin, `ws` its public socket address, both through nginx.

    Programs are named as `status` and the supervisor name them: `gateway-2`, `messaging-1`, `redis`, `mongo-3`.
    """

    def __init__(self, run_dir: Path, environment: dict[str, str]) -> None:
        self.run_dir = run_dir
        self._environment = environment
        self._supervisor = Supervisor(RunDir(run_dir))
        status = self.status()
        self.app: str = status["app"]
        self.ws = f"{self.app.replace('http', 'ws', 1)}/ws"
        self.consul: str = status["consul"]
        self.rabbitmq: str = status["rabbitmq"]
        self._urls = {found["id"]: f"http://{found['address']}:{found['port']}" for found in status["instances"]}
        self._services = {found["id"]: found["service"] for found in status["instances"]}
        self.gateways = [
            Gateway(
                found["id"],
                f"http://{found['address']}:{found['port']}",
                f"ws://{found['address']}:{found['socket_port']}/ws",
            )
            for found in status["instances"]
            if found["service"] == "gateway"
        ]

    # What runs

    def status(self) -> Any:
        """The document of `status --json`."""
        return json.loads(self.deploy("status", "--json"))

    def deploy(self, *words: str) -> str:
        """Call the deployment command; what it printed."""
        return deploy(self._environment, *words)

    def ids(self, service: str) -> list[str]:
        return [instance for instance, of in self._services.items() if of == service]

    def gateway(self, gateway_id: str) -> Gateway:
        return next(gateway for gateway in self.gateways if gateway.id == gateway_id)

    def url(self, instance: str) -> str:
        """Where an instance serves its own HTTP: health and metrics."""
        return self._urls[instance]

    def pid(self, program: str) -> int:
        return int(self._supervisor.states()[program]["pid"])

    # Harm

    def signal(self, program: str, number: signal.Signals) -> int:
        """Send a signal; the pid that got it."""
        pid = self.pid(program)
        assert pid, f"{program} does not run"
        os.kill(pid, number)
        return pid

    def kill(self, program: str) -> int:
        """SIGKILL, as a crash would end it; the supervisor starts it again. The pid that died."""
        return self.signal(program, signal.SIGKILL)

    def freeze(self, program: str) -> int:
        """SIGSTOP; returns when every thread of it has stopped, and the pid.

        The signal waits until one of them is given a core. Until then the others run on: 15 to 160 ms on a busy machine
        (measured).
        """
        pid = self.signal(program, signal.SIGSTOP)
        until(lambda: _all_stopped(pid), f"{program} stops")
        return pid

    def thaw(self, program: str) -> None:
        self.signal(program, signal.SIGCONT)

    def stop(self, *programs: str) -> None:
        """Stop programs in good order and keep them stopped."""
        self._supervisor.stop(programs)

    def start(self, *programs: str) -> None:
        self._supervisor.start_stopped(programs)

    async def back(self, instance: str, former_pid: int) -> None:
        """Return when `status` lists a new process of an instance as passing."""
        async with httpx.AsyncClient(trust_env=False, timeout=5) as http:

            async def passing() -> bool:
                answer = await http.get(f"{self.consul}/v1/health/service/{self._services[instance]}?passing=1")
                known = {node["Service"]["ID"]: node["Service"]["Meta"]["pid"] for node in answer.json()}
                return instance in known and int(known[instance]) != former_pid

            await eventually(passing, f"{instance} is back in Consul", BACK_SECONDS)
        status = await asyncio.to_thread(self.status)
        found = next(found for found in status["instances"] if found["id"] == instance)
        assert (found["state"], found["pid"]) == ("passing", self.pid(instance))

    async def ready(self) -> None:
        """Return when every instance says that it is ready and Consul has seen it, whatever was done to it before."""
        async with httpx.AsyncClient(trust_env=False, timeout=5) as http:

            async def all_ready() -> bool:
                try:
                    answers = await asyncio.gather(*(http.get(f"{url}/health/ready") for url in self._urls.values()))
                except httpx.TransportError:
                    return False
                answer = await http.get(f"{self.consul}/v1/health/state/any")
                return all(answer.status_code == 200 for answer in answers) and all(
                    check["Status"] == "passing" for check in answer.json()
                )

            await eventually(all_ready, "every instance is ready", BACK_SECONDS)

    # Looking in

    def secret(self, name: str) -> str:
        return (self.run_dir / "secrets" / name).read_text().strip()

    def address(self, name: str) -> str:
        """MONGODB_URI, REDIS_URL, RABBITMQ_URL or CONSUL_HTTP_ADDR."""
        lines = (self.run_dir / "env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)[name]

    def redis(self) -> Redis:
        """The caller closes it. Answers str."""
        return Redis.from_url(self.address("REDIS_URL"), decode_responses=True)

    def mongo_primary(self) -> str:
        """The program that is MongoDB's primary now."""
        with self.mongo() as client:
            host = client.admin.command("hello")["primary"]
        members = urlsplit(self.address("MONGODB_URI")).netloc.rpartition("@")[2].split(",")
        return f"mongo-{members.index(host) + 1}"

    def mongo(self) -> "MongoClient[dict[str, Any]]":
        """The caller closes it."""
        return MongoClient(self.address("MONGODB_URI"))


def _all_stopped(pid: int) -> bool:
    states = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            states.append((thread / "stat").read_text().rpartition(") ")[2][0])
    return set(states) == {"T"}


@contextmanager
def running() -> Iterator[Stack]:
    """Warren, for as long as the context lasts."""
    if kept := os.environ.get(KEPT):
        yield Stack(Path(kept).absolute(), {**os.environ, "WARREN_RUN_DIR": kept})
        return
    fetch_what_is_missing()
    with temporary.warren(deploy) as environment:
        yield Stack(Path(environment["WARREN_RUN_DIR"]), environment)


def keep_logs(stack: Stack) -> None:
    """Copy what the programs logged to test-results/logs, for whoever looks into a failure."""
    shutil.rmtree(LOGS, ignore_errors=True)
    shutil.copytree(stack.run_dir / "logs", LOGS)


def deploy(environment: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [COMMAND, *words],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=UP_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{COMMAND} {' '.join(words)} failed:\n{done.stdout[-3000:]}\n{done.stderr}"
    return done.stdout


def metric(url: str, name: str) -> float:
    """The value of a metric without labels, from an instance's /metrics."""
    text = httpx.get(f"{url}/metrics", timeout=5, trust_env=False).text
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} "))
