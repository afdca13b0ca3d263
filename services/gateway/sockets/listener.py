"""The server of `/ws`: accepts, pings, closes, drains.

picows instead of Sanic's WebSocket: measured on 2 cores, a frame received costs 6.4 us of CPU instead of 57.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Coroutine
from typing import Any

from picows import WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener, ws_create_server
from prometheus_client import Gauge

from services.gateway.presence import PresenceLink
from services.gateway.rooms.commands import CommandSender
from services.gateway.rooms.local_rooms import LocalRooms
from services.gateway.rooms.reads import ReadMarks
from services.gateway.sockets.connection import Connection
from services.gateway.sockets.encode import PING_FRAME, reply_frame
from services.gateway.sockets.hello import Greeter
from services.gateway.sockets.outbound import Flusher
from warren.chassis.lifecycle import Tasks
from warren.chassis.telemetry import get_logger
from warren.contracts import rest, socket
from warren.contracts.errors import CloseCode, Refusal
from warren.contracts.events import SessionRevoked
from warren.contracts.limits import FRAME_BYTES, HEARTBEAT_MS, HELLO_SECONDS

READ_BUFFER_BYTES = 2048
"""14 KiB a connection with this, 28 KiB with the library's default (measured)."""

BACKLOG = 4096
SLICES = 25
"""Pings of one heartbeat are spread over this many ticks."""

UNANSWERED_PINGS = 2
RECONNECT_SECONDS = 1.0
"""For the last ones that were told to reconnect, until they are closed."""

CONNECTIONS = Gauge("warren_connections", "Open sockets.")
log = get_logger("sockets")


class SocketServer:
    """All sockets of this gateway. While it is `cut_off` from the broker it takes no new ones."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        origins: frozenset[str],
        drain_seconds: float,
        commands: CommandSender,
        local_rooms: LocalRooms,
        reads: ReadMarks,
        greeter: Greeter,
        presence: PresenceLink,
        rate_limits: bool,
        flusher: Flusher,
        tasks: Tasks,
        cut_off: Callable[[], bool],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.commands = commands
        self.reads = reads
        self.presence = presence
        self.flusher = flusher
        self.now = now
        self._host = host
        self._port = port
        self._origins = origins
        self._drain_seconds = drain_seconds
        self._rooms = local_rooms
        self._greeter = greeter
        self.rate_limits = rate_limits
        self._tasks = tasks
        self._cut_off = cut_off
        self._connections: dict[str, Connection] = {}
        self._server: asyncio.Server | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._draining = False
        self._empty = asyncio.Event()

    def __len__(self) -> int:
        return len(self._connections)

    async def start(self) -> None:
        self._server = await ws_create_server(
            self._accept,
            self._host,
            self._port,
            max_frame_size=4 * FRAME_BYTES,
            read_buffer_init_size=READ_BUFFER_BYTES,
            websocket_handshake_timeout=HELLO_SECONDS,
            backlog=BACKLOG,
            enable_auto_pong=True,
        )
        self._ticking = self._tasks.spawn("heartbeat", self._tick_forever())

    async def stop(self) -> None:
        """Drain: no new sockets, and each of ours is told to reconnect at its own moment of the drain."""
        self._draining = True
        if self._server is not None:
            self._server.close()
        self._tell_to_reconnect("the server restarts")
        if self._connections:
            with contextlib.suppress(TimeoutError):  # then they are closed
                await asyncio.wait_for(self._empty.wait(), self._drain_seconds)
        for connection in list(self._connections.values()):
            connection.close(CloseCode.GOING_AWAY, "the server restarts; connect again")
        await self._tasks.cancel(self._ticking)

    def send_away(self, reason: str) -> None:
        """Each socket is told to reconnect at its own moment of the drain time; those that do not are closed then."""
        told = self._tell_to_reconnect(reason)
        self._tasks.spawn("send-away", self._close_late(told, reason))

    def _tell_to_reconnect(self, reason: str) -> list[Connection]:
        told = list(self._connections.values())
        for connection in told:
            after = int(random.uniform(0, self._drain_seconds) * 1000)  # noqa: S311 - spreads load, no secret
            connection.send(reply_frame(socket.Reconnect(after, reason)))
        return told

    async def _close_late(self, told: list[Connection], reason: str) -> None:
        await asyncio.sleep(self._drain_seconds + RECONNECT_SECONDS)
        for connection in told:
            if not connection.closed:
                connection.close(CloseCode.GOING_AWAY, f"{reason}; connect again")

    def _accept(self, request: WSUpgradeRequest) -> Connection | WSUpgradeResponseWithListener | None:
        """Only /ws, only our subprotocol, only from our own pages (a browser always says its Origin)."""
        path = request.path.split(b"?", 1)[0]
        if path != b"/ws":
            return None
        origin = request.headers.get("Origin")
        if origin is not None and origin.rstrip("/") not in self._origins:
            return _refused(403, f"origin {origin} is not allowed; see CLIENT_URL")
        offered = [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
        if offered != [""] and socket.SUBPROTOCOL not in offered:
            return _refused(400, f"the subprotocol is {socket.SUBPROTOCOL}")
        if self._draining:
            return _refused(503, "this server is stopping")
        if self._cut_off():
            return _refused(503, "this server has lost its message broker")
        headers = {"Sec-WebSocket-Protocol": socket.SUBPROTOCOL} if offered != [""] else {}
        response = WSUpgradeResponse.create_101_response(headers)
        return WSUpgradeResponseWithListener(response, Connection(self))

    # Called by connections

    def connected(self, connection: Connection) -> None:
        self._connections[connection.id] = connection
        CONNECTIONS.set(len(self._connections))

    def disconnected(self, connection: Connection) -> None:
        self._connections.pop(connection.id, None)
        CONNECTIONS.set(len(self._connections))
        if self._draining and not self._connections:
            self._empty.set()
        if connection.user:
            self._rooms.audience.left(connection)
        if connection.ready:
            self.presence.disconnected(connection.id, connection.user)

    def greet(self, connection: Connection, hello: socket.Hello) -> None:
        self._tasks.spawn("hello", self._greet(connection, hello))

    async def _greet(self, connection: Connection, hello: socket.Hello) -> None:
        if await self._greeter.greet(connection, hello) and not connection.closed:
            self.presence.connected(connection.id, connection.user)

    def sync(self, connection: Connection, frame: socket.Sync) -> None:
        self._tasks.spawn("sync", self._or_refuse(connection, self._rooms.sync(frame.room, connection, frame.after)))

    def set_status(self, connection: Connection, frame: socket.Status) -> None:
        work = self.presence.set_status(connection.user, frame.status, frame.text)
        self._tasks.spawn("status", self._or_refuse(connection, work))

    async def _or_refuse(self, connection: Connection, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Refusal as refusal:
            if not connection.closed:
                connection.refuse(refusal)

    # News

    def deliver_presence(self, connection_id: str, news: list[rest.Presence]) -> None:
        connection = self._connections.get(connection_id)
        if connection is not None:
            frames = [reply_frame(socket.PresenceNews(p.user, p.status, p.text, p.last_seen)) for p in news]
            connection.outbound.send_droppable(b"".join(frames))

    def on_revoked(self, notice: SessionRevoked) -> None:
        """Close the sockets of sessions that have ended."""
        ended = socket.SessionEnded("session_ended", "This session has ended; sign in again.")
        for connection in list(self._rooms.audience.sockets_of(notice.user)):
            chosen = connection.session in notice.sessions if notice.sessions else connection.session != notice.keep
            if chosen:
                connection.send(reply_frame(ended))
                connection.close(CloseCode.SESSION_REVOKED, ended.detail)

    # Heartbeat

    async def _tick_forever(self) -> None:
        while True:
            for part in range(SLICES):
                await asyncio.sleep(HEARTBEAT_MS / 1000 / SLICES)
                now = self.now()
                for index, connection in enumerate(list(self._connections.values())):
                    connection.outbound.check(now)
                    if not connection.ready and now - connection.opened_at > HELLO_SECONDS and not connection.greeting:
                        connection.close(CloseCode.PROTOCOL_VIOLATION, f"no hello within {HELLO_SECONDS} s")
                    elif index % SLICES == part:
                        self._ping(connection)

    def _ping(self, connection: Connection) -> None:
        if connection.closed:
            return
        if connection.pings >= UNANSWERED_PINGS:
            connection.close(CloseCode.GOING_AWAY, "no answer to pings")
            return
        connection.pings += 1
        connection.send(PING_FRAME)


def _refused(status: int, reason: str) -> WSUpgradeResponseWithListener:
    log.info("handshake refused", status=status, reason=reason)
    return WSUpgradeResponseWithListener(WSUpgradeResponse.create_error_response(status, reason.encode()), None)
