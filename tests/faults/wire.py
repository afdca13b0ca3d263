"""One WebSocket connection of a device, and what the parts of the device know of the present one."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSParsedURL, WSTransport, ws_connect

SUBPROTOCOL = "warren.v1"
CONNECT_SECONDS = 5.0
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Wire(WSListener):
    """Hands on what comes over one connection."""

    def __init__(self, on_frame: Callable[[Any], None]) -> None:
        super().__init__()
        self._on_frame = on_frame
        self.closed = asyncio.Event()
        self.close_code: int | None = None
        self.transport: WSTransport | None = None

    @classmethod
    async def connect(cls, url: str, on_frame: Callable[[Any], None], receive_buffer: int | None) -> Self:
        """`receive_buffer` in bytes, None leaves it to the system. Raises OSError, WSError, TimeoutError."""

        def own_socket(parsed: WSParsedURL) -> socket.socket | None:
            """Only for a small receive buffer; None lets the library make its own."""
            if receive_buffer is None:
                return None
            made = socket.socket()
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            made.connect((parsed.host, int(parsed.port)))
            made.setblocking(False)
            return made

        wire = cls(on_frame)
        headers = {"Sec-WebSocket-Protocol": SUBPROTOCOL}
        async with asyncio.timeout(CONNECT_SECONDS):
            await ws_connect(lambda: wire, url, extra_headers=headers, socket_factory=own_socket)
        return wire

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            self._on_frame(_decode(frame.get_payload_as_bytes()))
        elif frame.msg_type == WSMsgType.CLOSE:
            payload = frame.get_payload_as_bytes()
            self.close_code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.closed.set()

    def send(self, **frame: Any) -> None:
        if self.transport is not None and not self.closed.is_set():
            self.transport.send(WSMsgType.TEXT, _encode(frame))

    def cut(self) -> None:
        """As a lost network: not a word."""
        if self.transport is not None:
            self.transport.underlying_transport.abort()

    def stop_reading(self) -> None:
        if self.transport is not None and not self.closed.is_set():
            with contextlib.suppress(RuntimeError):  # it is closing
                self.transport.underlying_transport.pause_reading()

    def go_on_reading(self) -> None:
        if self.transport is not None and not self.closed.is_set():
            with contextlib.suppress(RuntimeError):  # it was not stopped, or it is closing
                self.transport.underlying_transport.resume_reading()


@dataclass
class Line:
    """The present connection of a device, or its last one. `number` counts them from 1."""

    number: int = 0
    wire: Wire | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    def send(self, **frame: Any) -> None:
        """Nothing is sent while there is no connection that is ready."""
        if self.wire is not None and self.ready.is_set():
            self.wire.send(**frame)

    def cut(self) -> None:
        if self.wire is not None:
            self.wire.cut()
