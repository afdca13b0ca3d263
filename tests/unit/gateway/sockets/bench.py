"""A connection between a client and a server, neither of which needs a network."""

import asyncio
import json
import struct
from dataclasses import dataclass
from typing import Any, cast

from picows import WSMsgType

from services.gateway.sockets.connection import Connection
from services.gateway.sockets.outbound import Flusher
from tests.support.virtual_time import ticks
from tests.unit.gateway.rooms.room_bench import Owner, frames_in
from warren.contracts import socket


@dataclass
class Frame:
    """A frame as picows hands it over."""

    payload: bytes
    msg_type: WSMsgType = WSMsgType.TEXT
    fin: bool = True

    def get_payload_as_bytes(self) -> bytes:
        return self.payload


class Wire:
    """The transport: what the client receives."""

    def __init__(self) -> None:
        self.texts: list[dict[str, Any]] = []
        self.closed_with: tuple[int, str] | None = None

    @property
    def underlying_transport(self) -> "Wire":
        return self

    def write(self, data: bytes) -> None:
        while data and data[0] == 0x88:
            self.closed_with = struct.unpack("!H", data[2:4])[0], data[4 : 2 + data[1]].decode()
            data = data[2 + data[1] :]
        self.texts += frames_in(data)

    def get_write_buffer_size(self) -> int:
        return 0

    def abort(self) -> None: ...

    def close(self) -> None: ...


class Server:
    """What a connection asks of its server, written down."""

    def __init__(self, *, rate_limits: bool = False) -> None:
        self.rate_limits = rate_limits
        self.flusher = Flusher()
        self.commands = Owner()
        self.greeted: list[socket.Hello] = []
        self.marks: list[tuple[str, str, int]] = []
        self.watched: set[str] = set()
        self.syncs: list[socket.Sync] = []
        self.statuses: list[socket.Status] = []
        self.open: set[str] = set()
        self.reads = self
        self.presence = self

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def connected(self, connection: Connection) -> None:
        self.open.add(connection.id)

    def disconnected(self, connection: Connection) -> None:
        self.open.remove(connection.id)

    def greet(self, _connection: Connection, hello: socket.Hello) -> None:
        self.greeted.append(hello)

    def mark(self, room: str, user: str, seq: int) -> None:
        self.marks.append((room, user, seq))

    def watch(self, _connection: str, users: set[str]) -> None:
        self.watched = users

    def sync(self, _connection: Connection, frame: socket.Sync) -> None:
        self.syncs.append(frame)

    def set_status(self, _connection: Connection, frame: socket.Status) -> None:
        self.statuses.append(frame)


class Client:
    """A connected socket; `ready` ones have said hello."""

    def __init__(self, server: Server, *, ready: bool = True, user: str = "ann") -> None:
        self.server = server
        self.wire = Wire()
        self.connection = Connection(cast(Any, server))
        self.connection.on_ws_connected(cast(Any, self.wire))
        self.connection.ready = ready
        self.connection.user = user if ready else ""

    async def say(self, **fields: Any) -> list[dict[str, Any]]:
        """Send a frame; what comes back in this tick."""
        return await self.frame(Frame(json.dumps(fields).encode()))

    async def frame(self, *frames: Frame) -> list[dict[str, Any]]:
        before = len(self.wire.texts)
        for frame in frames:
            self.connection.on_ws_frame(cast(Any, self.wire), cast(Any, frame))
        await ticks()
        return self.wire.texts[before:]

    @property
    def close_code(self) -> int | None:
        return self.wire.closed_with[0] if self.wire.closed_with else None
