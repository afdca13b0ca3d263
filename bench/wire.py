"""A WebSocket client for load: it looks for the few bytes it needs in whatever arrived, without parsing frames.

The body of a message begins with `|` and the microsecond at which it was due, 16 digits; the id of a send is `^` and
the same. No text of a server has either before a digit, so a search for one byte finds every stamp (0.5 us of CPU
each), and what is done with them waits until the measurement is over. What a server speaks is a `Dialect`.
"""

import asyncio
import re
import time
from typing import cast

from bench.dialects import ACK_MARK, BODY_MARK, STAMP_DIGITS, Dialect

_delivered = re.compile(rb"\|(1[0-9]{15})").findall
_answered = re.compile(rb"\^(1[0-9]{15})").finditer


class Seen:
    """What arrived: one entry a chunk, (microsecond of arrival, the due times in it as digits, 16 each)."""

    def __init__(self) -> None:
        self.deliveries: list[tuple[int, bytes]] = []
        self.acks: list[tuple[int, bytes]] = []
        self.errors = 0
        self.last_error = b""

    @property
    def chunks(self) -> int:
        return len(self.deliveries) + len(self.acks)

    @property
    def delivered(self) -> int:
        return sum(len(stamps) for _, stamps in self.deliveries) // STAMP_DIGITS

    @property
    def acked(self) -> int:
        return sum(len(stamps) for _, stamps in self.acks) // STAMP_DIGITS


class LoadSocket(asyncio.Protocol):
    """One client. What arrives is noted in `seen`; `ready` is done once the server has let it in."""

    def __init__(self, dialect: Dialect, hello: bytes, seen: Seen) -> None:
        self._dialect = dialect
        self._hello = hello
        self._seen = seen
        self._carry = b""
        self._ping_starts = dialect.ping[:1]
        self._upgraded = False
        self.transport: asyncio.Transport | None = None
        self.ready: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self._dialect.request)

    def data_received(self, data: bytes) -> None:
        if not self.ready.done():
            self._on_greeting(data)
        if self._carry:
            data = self._carry + data
            self._carry = b""
        if self._ping_starts in data and self._dialect.ping in data:
            assert self.transport is not None
            self.transport.write(self._dialect.pong)
        if ACK_MARK in data:
            self._on_answers(data)
        stamps = _delivered(data)
        if stamps:
            self._seen.deliveries.append((time.time_ns() // 1000, b"".join(stamps)))
        tail = data[-STAMP_DIGITS:]
        if BODY_MARK in tail or ACK_MARK in tail:  # a stamp that is not all here yet
            self._carry = tail

    def _on_answers(self, data: bytes) -> None:
        answers, prefix = [], self._dialect.ack
        for found in _answered(data):
            if found.start() < len(prefix) or data.endswith(prefix, 0, found.start()):
                answers.append(found[1])
            else:
                self._seen.errors += 1
                self._seen.last_error = data[max(0, found.start() - 200) : found.end() + 100]
        if answers:
            self._seen.acks.append((time.time_ns() // 1000, b"".join(answers)))

    def _on_greeting(self, data: bytes) -> None:
        assert self.transport is not None
        if not self._upgraded:
            self._upgraded = True
            if b" 101 " not in data[:16]:
                self.ready.set_exception(ConnectionError(data[:200].decode(errors="replace")))
            self.transport.write(self._hello)
        if self._dialect.ready in data:
            self.ready.set_result(True)
        elif self._dialect.refused in data:
            self.ready.set_exception(ConnectionError(data.decode(errors="replace")))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(exc or ConnectionError("closed before ready"))

    def cut(self) -> None:
        """Drop the connection without a word."""
        assert self.transport is not None
        self.transport.abort()
