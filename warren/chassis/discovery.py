"""Registration in Consul: under the instance's own id, with an HTTP check; made again whenever Consul forgot it."""

import asyncio
import os
from datetime import UTC, datetime
from urllib.parse import urlsplit

import consul
import msgspec
import requests

from warren.chassis.lifecycle import Tasks
from warren.chassis.telemetry import get_logger

AGAIN_SECONDS = 5
CALL_SECONDS = 3
log = get_logger("discovery")


class Registration(msgspec.Struct, frozen=True):
    """One entry of Consul's catalog. `check_port` serves /health/ready."""

    service: str
    id: str
    address: str
    port: int
    check_port: int
    meta: dict[str, str]


class Discovery:
    """Keeps this instance registered while it runs, and leaves when it stops. `registrations`: its own comes first."""

    def __init__(self, consul_address: str, version: str, registrations: list[Registration], tasks: Tasks) -> None:
        parts = urlsplit(consul_address if "//" in consul_address else f"http://{consul_address}")
        self._consul = consul.Consul(
            host=parts.hostname or "127.0.0.1",
            port=parts.port or 8500,
            scheme=parts.scheme or "http",
            connections_timeout=CALL_SECONDS,
        )
        self._version = version
        self._registrations = registrations
        self._service, self._own = registrations[0].service, registrations[0].id
        self._tasks = tasks
        self._started = datetime.now(UTC).isoformat(timespec="seconds")
        self._made: set[str] = set()
        self._registered = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Does not wait for Consul: without it the instance works, unseen."""
        self._task = self._tasks.spawn("discovery", self._keep_registered())

    async def stop(self) -> None:
        """Leave. Called first of all, so a second call at its turn in the order finds nothing to do."""
        await self._tasks.cancel(self._task)
        entries, self._registrations = self._registrations, []
        for entry in entries:
            try:
                await asyncio.to_thread(self._consul.agent.service.deregister, entry.id)
            except (consul.ConsulException, requests.RequestException) as error:
                log.warning("could not leave Consul", id=entry.id, error=str(error))

    async def others(self) -> list[tuple[str, int]]:
        """Address and port of health of the other instances of this service, whatever Consul thinks of their health.
        Raises ConsulException, RequestException."""
        _, nodes = await asyncio.to_thread(self._consul.health.service, self._service)
        services = [node["Service"] for node in nodes if node["Service"]["ID"] != self._own]
        return [(service["Address"], service["Port"]) for service in services]

    def figure(self) -> str:
        """For the health report. An instance works without Consul, so this never makes it unready."""
        return "registered" if self._registered else "not registered: Consul cannot be reached; still trying"

    async def _keep_registered(self) -> None:
        while True:
            try:
                known = await asyncio.to_thread(self._consul.agent.services)
                for entry in self._registrations:
                    # Once in any case: what a killed forerunner of this name left has its pid and address. Removed
                    # first, or Consul would take its last health for ours.
                    if entry.id in known and entry.id not in self._made:
                        await asyncio.to_thread(self._consul.agent.service.deregister, entry.id)
                    if entry.id not in known or entry.id not in self._made:
                        await asyncio.to_thread(self._register, entry)
                        self._made.add(entry.id)
                        log.info("registered in Consul", id=entry.id)
                self._registered = True
            except (consul.ConsulException, requests.RequestException) as error:
                self._registered = False
                log.warning("Consul cannot be reached; trying again", error=str(error)[:200])
            await asyncio.sleep(AGAIN_SECONDS if self._registered else 1)

    def _register(self, entry: Registration) -> None:
        check = consul.Check.http(
            f"http://{entry.address}:{entry.check_port}/health/ready", interval="2s", timeout="3s", deregister="10m"
        )
        self._consul.agent.service.register(
            entry.service,
            service_id=entry.id,
            address=entry.address,
            port=entry.port,
            tags=[f"version-{self._version}"],
            check=check,
            meta={"version": self._version, "pid": str(os.getpid()), "started": self._started, **entry.meta},
        )
