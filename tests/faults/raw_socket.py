"""A client that costs next to nothing while it runs: it keeps what comes as it comes, and reads it when all is over."""

import asyncio
import base64
import os
import struct
import time
from typing import cast

TEXT, CLOSE, PING = 1, 8, 9
ACK_MARK, ERROR_MARK = b'"op":"ack"', b'"op":"error"'
PONG = b"\x8a\x80\0\0\0\0"
WRITE_BUFFER_BYTES = 32 * 1024
END_OF_HEAD = b"\r\n\r\n"


def text_frame(payload: bytes) -> bytes:
    """A client's text frame. The mask is zero, which leaves the payload as it is."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", 0x81, 0x80 | size) + b"\0\0\0\0" + payload
    return struct.pack("!BBH", 0x81, 0x80 | 126, size) + b"\0\0\0\0" + payload


class RawSocket(asyncio.Protocol):
    """`frames`: (monotonic second, payload) of every text frame. `answers`: acks and errors so far. `heard_at`: when
    something came last. `held` while the server takes no more: who goes on sending then only makes a queue of its
    own."""

    def __init__(self, hello: bytes) -> None:
        self._hello = hello
        self._rest = b""
        self._upgraded = False
        self._transport: asyncio.Transport | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.frames: list[tuple[float, bytes]] = []
        self.answers = 0
        self.heard_at = 0.0
        self.held = False
        self.closed_at: float | None = None
        self.close_code: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)
        transport.set_write_buffer_limits(WRITE_BUFFER_BYTES)
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: warren.v1\r\n\r\n".encode()
        )

    def send(self, frames: bytes) -> None:
        if self._transport is not None and self.closed_at is None:
            self._transport.write(frames)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def pause_writing(self) -> None:
        self.held = True

    def resume_writing(self) -> None:
        self.held = False

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed_at = time.monotonic()
        if not self.ready.done():
            self.ready.set_exception(exc or ConnectionError("closed before it was ready"))

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        if not self._upgraded:
            head, found, data = data.partition(END_OF_HEAD)
            if not found:
                self._rest = head
                return
            self._upgraded = True
            self.send(text_frame(self._hello))
        self._rest = self._take_frames(data)

    def _take_frames(self, data: bytes) -> bytes:
        """What is left: the beginning of a frame that is not all here."""
        now, at, end = time.monotonic(), 0, len(data)
        while end - at >= 2:
            kind, size, head = data[at] & 0x0F, data[at + 1], 2
            if size == 126 and end - at >= 4:
                size, head = int.from_bytes(data[at + 2 : at + 4], "big"), 4
            elif size == 127 and end - at >= 10:
                size, head = int.from_bytes(data[at + 2 : at + 10], "big"), 10
            elif size >= 126:
                break
            if end - at < head + size:
                break
            self._take(kind, data[at + head : at + head + size], now)
            at += head + size
        return data[at:]

    def _take(self, kind: int, payload: bytes, now: float) -> None:
        if kind == TEXT:
            self.heard_at = now
            self.frames.append((now, payload))
            self.answers += payload.count(ACK_MARK) + payload.count(ERROR_MARK)
            if not self.ready.done() and b'"op":"ready"' in payload:
                self.ready.set_result(None)
        elif kind == PING:
            self.send(PONG)
        elif kind == CLOSE:
            self.close_code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
            self.close()
