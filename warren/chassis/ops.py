"""The HTTP server of an instance: /health, /health/live, /health/ready, /metrics; the gateway adds REST to it."""

import asyncio
import time

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sanic import HTTPResponse, Request, Sanic
from sanic.response import raw, text
from sanic.server.async_server import AsyncioServer

from warren.chassis.health import Health
from warren.chassis.lifecycle import Tasks

CLOSE_SECONDS = 5


def make_app(health: Health) -> Sanic:  # type: ignore[type-arg]
    """A Sanic app with the health and metrics routes. One per process and service."""
    app: Sanic = Sanic(f"warren-{health.service}", configure_logging=False)  # type: ignore[type-arg]
    app.config.ACCESS_LOG = False
    app.config.MOTD = False

    @app.get("/health")
    async def alive(_request: Request) -> HTTPResponse:
        return text("ok")

    @app.get("/health/live")
    async def live(_request: Request) -> HTTPResponse:
        return text("ok")

    @app.get("/health/ready")
    async def ready(_request: Request) -> HTTPResponse:
        report = health.report()
        body = msgspec.json.format(msgspec.json.encode(report), indent=2)
        return raw(body, status=200 if report.ready else 503, content_type="application/json")

    @app.get("/metrics")
    async def metrics(_request: Request) -> HTTPResponse:
        return raw(generate_latest(), content_type=CONTENT_TYPE_LATEST)

    return app


class OpsServer:
    """Serves a Sanic app inside the service's own event loop."""

    def __init__(self, app: Sanic, host: str, port: int, tasks: Tasks) -> None:  # type: ignore[type-arg]
        self._app = app
        self._host = host
        self._port = port
        self._tasks = tasks
        self._server: AsyncioServer | None = None
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        server = await self._app.create_server(
            host=self._host, port=self._port, return_asyncio_server=True, access_log=False
        )
        if server is None:
            raise RuntimeError(f"cannot listen on {self._host}:{self._port}")
        await server.startup()  # type: ignore[no-untyped-call]
        self._server = server
        self._serving = self._tasks.spawn("http", server.serve_forever())  # type: ignore[no-untyped-call]

    def close_door(self) -> None:
        """Take no new connections: whoever tries is refused at once and goes to another instance.

        Nothing to do when the port could not be had.
        """
        if self._server is None:
            return
        self._server.close()  # type: ignore[no-untyped-call]
        for connection in list(self._server.connections):
            connection.close_if_idle()

    async def stop(self) -> None:
        """Let requests in flight finish."""
        self.close_door()
        deadline = time.monotonic() + CLOSE_SECONDS
        while self._server is not None and self._server.connections and time.monotonic() < deadline:  # noqa: ASYNC110 - Sanic has no event for it
            await asyncio.sleep(0.05)
        await self._tasks.cancel(self._serving)
