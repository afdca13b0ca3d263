"""What every instance has: tasks, health, the broker's connection, the ops server and its place in Consul.

Services build their own parts around it in `service.py` and call `run`.
"""

from collections.abc import Awaitable, Callable, Sequence

from warren.chassis.broker import HEARTBEAT_SECONDS, Broker
from warren.chassis.discovery import Discovery, Registration
from warren.chassis.health import Health
from warren.chassis.lifecycle import Part, Tasks, run
from warren.chassis.ops import OpsServer, make_app
from warren.chassis.rpc_client import RpcClient
from warren.chassis.rpc_server import RpcServer
from warren.chassis.settings import Settings
from warren.chassis.telemetry import configure_logs

VERSION = "0.1.0"


class _Step:
    """A part made of one function that runs at its place in the start order."""

    def __init__(self, start: Callable[[], None]) -> None:
        self._start = start

    async def start(self) -> None:
        self._start()

    async def stop(self) -> None:
        """Nothing to undo."""


class Instance:
    """Create inside the running loop. `registrations` are entries of Consul besides the service's own."""

    def __init__(
        self,
        service: str,
        settings: Settings,
        *,
        meta: dict[str, str] | None = None,
        heartbeat_seconds: int = HEARTBEAT_SECONDS,
    ) -> None:
        configure_logs(service, settings.server_id, settings.log_level)
        self.service = service
        self.settings = settings
        self.tasks = Tasks()
        self.health = Health(service, settings.server_id, VERSION, self.tasks)
        self.broker = Broker(settings.rabbitmq_url, settings.server_id, self.tasks, heartbeat_seconds)
        self.app = make_app(self.health)
        self._registrations = [self.registration(service, settings.server_id, settings.port, meta or {})]
        self.discovery = Discovery(settings.consul_http_addr, VERSION, self._registrations, self.tasks)
        self.health.at_once("rabbitmq", self._broker_lost)

    def registration(self, service: str, entry_id: str, port: int, meta: dict[str, str]) -> Registration:
        return Registration(service, entry_id, self.settings.address, port, self.settings.port, meta)

    def register_also(self, service: str, entry_id: str, port: int) -> None:
        """A second entry in Consul with the same check, for another port of this instance."""
        self._registrations.append(self.registration(service, entry_id, port, {}))

    def rpc_server(self) -> RpcServer:
        """This service's end of its calls; its canary makes readiness."""
        server = RpcServer(self.service, self.settings.server_id, self.broker, self.tasks)

        async def canary() -> str:
            await server.canary()
            return "a message to myself came round"

        self.health.add("rabbitmq", canary)
        return server

    def rpc_client(self) -> RpcClient:
        return RpcClient(self.broker)

    def _broker_lost(self) -> str:
        if self.broker.is_up:
            return ""
        return self.broker.problem or "no connection; a new one is tried every 0 to 2 s"

    def check(self, name: str, check: Callable[[], Awaitable[str]]) -> None:
        self.health.add(name, check)

    async def run(self, inner: Sequence[Part], outer: Sequence[Part] = ()) -> int:
        """Start: ops server, Consul, `inner` (databases, handlers), the broker, `outer` (what needs all of that).
        Stop: leave Consul, close the door, then in reverse. Returns the exit code."""
        self.health.tell("consul", self.discovery.figure)

        async def stopping() -> None:
            self.health.stopping()
            await self.discovery.stop()
            server.close_door()

        server = OpsServer(self.app, self.settings.host, self.settings.port, self.tasks)
        parts: list[Part] = [
            server,
            self.health,
            self.discovery,
            *inner,
            self.broker,
            *outer,
            _Step(self.health.serving),
        ]
        return await run(self.service, self.tasks, parts, stopping)
