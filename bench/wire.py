"""A WebSocket client for load: it looks for the few bytes it needs in whatever arrived, without parsing frames.

A send's `body` begins with the microsecond at which it was due, so that every delivery says how late it is. Control
frames other than pings are not expected; a ping is answered.
"""

import asyncio
import base64
import os
import struct
from collections.abc import Callable
from typing import cast

BODY_MARK = b'"body":"T'
ACK_MARK = b'"op":"ack","id":"A'
STAMP_DIGITS = 16
PING = b"\x89\x00"
PONG = b"\x8a\x80\x00\x00\x00\x00"
_KEEP = max(len(BODY_MARK), len(ACK_MARK)) + STAMP_DIGITS


def text_frame(payload: bytes) -> bytes:
    """A client's text frame. The mask is zero, which leaves the payload as it is."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x81, 0x80 | size)
    elif size < 65_536:
        head = struct.pack("!BBH", 0x81, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", 0x81, 0x80 | 127, size)
    return head + b"\0\0\0\0" + payload


class LoadSocket(asyncio.Protocol):
    """One client. `on_stamps(deliveries, acks)` gets the due times found in what arrived."""

    def __init__(self, hello: bytes, on_stamps: Callable[[list[bytes], list[bytes]], None]) -> None:
        self._hello = hello
        self._on_stamps = on_stamps
        self._carry = b""
        self._upgraded = False
        self.transport: asyncio.Transport | None = None
        self.ready: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.errors = 0
        self.last_error = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport = cast(asyncio.Transport, transport)
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: warren.v1\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        if not self._upgraded:
            self._upgraded = True
            assert self.transport is not None
            self.transport.write(text_frame(self._hello))
            return
        if not self.ready.done():
            if b'"op":"ready"' in data:
                self.ready.set_result(True)
            elif b'"op":"error"' in data:
                self.ready.set_exception(ConnectionError(data.decode(errors="replace")))
        if data[:2] == PING or data[-2:] == PING:
            assert self.transport is not None
            self.transport.write(PONG)
        if b'"op":"error"' in data:
            self.errors += data.count(b'"op":"error"')
            self.last_error = data[:200]
        data = self._carry + data
        bodies = data.split(BODY_MARK)
        acks = data.split(ACK_MARK)
        self._carry = data[self._consumed(data) :]
        self._on_stamps(_whole(bodies), _whole(acks))

    @staticmethod
    def _consumed(data: bytes) -> int:
        """Up to where marks have been read; a mark whose stamp is not all here yet is left for the next time."""
        end = len(data)
        for mark in (BODY_MARK, ACK_MARK):
            last = data.rfind(mark, max(0, end - _KEEP - len(mark)))
            if last >= 0 and last + len(mark) + STAMP_DIGITS > end:
                return last
        return max(0, end - len(ACK_MARK) + 1) if not _ends_marked(data) else end

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(exc or ConnectionError("closed before ready"))

    def cut(self) -> None:
        """Drop the connection without a word."""
        assert self.transport is not None
        self.transport.abort()

    def send(self, frame: bytes) -> None:
        assert self.transport is not None
        self.transport.write(frame)


def _whole(parts: list[bytes]) -> list[bytes]:
    """The stamps that are all here."""
    return [part[:STAMP_DIGITS] for part in parts[1:] if len(part) >= STAMP_DIGITS]


def _ends_marked(data: bytes) -> bool:
    """Whether nothing at the end could be the beginning of a mark."""
    return data[-1:] in (b"}", b"]")
