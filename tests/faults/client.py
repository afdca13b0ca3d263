"""One device of one user, which does what PROTOCOL.md says a client does and records everything it sees.

Told to, it also misbehaves as real clients do: it is cut off, stops reading, or overlooks acknowledgements.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from picows import WSError

from tests.faults import records
from tests.faults.people import Person, Rest, RestError
from tests.faults.records import Recorder
from tests.faults.seen import Seen
from tests.faults.sends import Conduct, Pending, Sends
from tests.faults.wire import Line, Wire

BACKOFF_SECONDS = (0.2, 10.0)
READY_SECONDS = 20.0
SLOW_PAUSE_SECONDS, SLOW_READ_SECONDS = 1.0, 0.001


@dataclass
class Device:
    """`urls`: where to connect; the first is preferred, the next one is asked when it does not answer."""

    name: str
    person: Person
    urls: list[str]
    rest: Rest
    recorder: Recorder
    chance: random.Random
    conduct: Conduct = field(default_factory=Conduct)

    def __post_init__(self) -> None:
        self.server = ""
        self._line = Line()
        self._sends = Sends(self.name, self.recorder, self._line, self.chance, self.conduct)
        self._seen = Seen(self.name, self.person, self.rest, self.recorder, self._line, self._spawn)
        self._url = 0
        self._reconnect_at_once = False
        self._may_go_online = asyncio.Event()
        self._may_go_online.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._slow: asyncio.Task[None] | None = None
        self._handlers: dict[str, Callable[[Any], None]] = {
            "ready": self._on_ready,
            "event": self._seen.on_event,
            "ack": self._sends.on_ack,
            "error": self._sends.on_error,
            "notice": self._seen.on_notice,
            "reset": self._seen.on_reset,
            "reconnect": self._on_reconnect,
        }

    @property
    def ready(self) -> asyncio.Event:
        """Set while there is a connection over which everything may be said."""
        return self._line.ready

    @property
    def last(self) -> dict[str, int]:
        """By room the seq up to which it has everything."""
        return self._seen.last

    @property
    def pending(self) -> dict[str, Pending]:
        """By nonce what it has said and was not answered for good."""
        return self._sends.pending

    @property
    def own(self) -> list[tuple[str, int]]:
        """Room and seq of its last messages."""
        return self._sends.own

    # Life

    def start(self) -> None:
        self._spawn(self._stay_connected())
        self._spawn(self._sends.watch())

    def take_over(self, last: dict[str, int], pending: list[Pending]) -> None:
        """Before `start`: go on where another client of this name and user, with one connection, left off."""
        self._seen.last, self._line.number = dict(last), 1
        self._sends.take_over(pending)

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.cut()

    def cut(self) -> None:
        self._line.cut()

    def go_offline(self) -> None:
        self._may_go_online.clear()
        self.cut()

    def go_online(self) -> None:
        self._may_go_online.set()

    def move(self, url: str) -> None:
        """Come back at `url`, as a balancer would send it there; when that is gone, elsewhere."""
        self.urls.insert(0, url)
        self._url = 0
        self.cut()

    def stop_reading(self) -> None:
        if self._line.wire is not None:
            self._line.wire.stop_reading()

    def go_on_reading(self) -> None:
        if self._line.wire is not None:
            self._line.wire.go_on_reading()

    def read_slowly(self) -> None:
        """What has arrived by then, once a second: with a small receive buffer some tens of KiB."""
        self._slow = self._spawn(self._read_now_and_then())

    def read_quickly(self) -> None:
        if self._slow is not None:
            self._slow.cancel()

    async def _read_now_and_then(self) -> None:
        try:
            while True:
                self.stop_reading()
                await asyncio.sleep(SLOW_PAUSE_SECONDS)
                self.go_on_reading()
                await asyncio.sleep(SLOW_READ_SECONDS)
        finally:
            self.go_on_reading()

    # What its user does

    def say(self, room: str, body: str) -> None:
        """Send a message now, or as soon as there is a connection, until it is answered for good."""
        self._sends.say(room, body)

    def change(self, op: str, room: str, seq: int, **fields: Any) -> None:
        """Edit, delete or react; not repeated when the answer does not come."""
        self._line.send(op=op, id=f"c-{room}", room=room, seq=seq, **fields)

    def read(self, room: str, seq: int) -> None:
        self._line.send(op="read", room=room, seq=seq)

    # Connection

    async def _stay_connected(self) -> None:
        failures = 0
        while True:
            await self._may_go_online.wait()
            try:
                wire = await self._connect()
            except (OSError, WSError, TimeoutError, ConnectionError):
                self._url += 1
                failures += 1
                low, high = BACKOFF_SECONDS
                await asyncio.sleep(self.chance.uniform(0, min(high, low * 2 ** min(failures, 8))))
                continue
            failures = 0
            await wire.closed.wait()
            self.ready.clear()
            code = wire.close_code
            self.recorder.add(records.Closed(time.monotonic(), self.name, self._line.number, code))
            if not self._reconnect_at_once:
                await asyncio.sleep(self.chance.uniform(0, BACKOFF_SECONDS[0]))
            self._reconnect_at_once = False

    async def _connect(self) -> Wire:
        """A connection that is ready. Raises OSError, WSError, TimeoutError, ConnectionError."""
        token = await self.person.token(self.rest)
        self._line.number += 1
        self._seen.forget_held()
        url = self.urls[self._url % len(self.urls)]
        wire = self._line.wire = await Wire.connect(url, self._on_frame, self.conduct.receive_buffer)
        wire.send(op="hello", token=token, rooms=self._seen.resume(), batch=True)
        readiness = [asyncio.ensure_future(self.ready.wait()), asyncio.ensure_future(wire.closed.wait())]
        try:
            await asyncio.wait(readiness, timeout=READY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in readiness:
                waiting.cancel()
        if not self.ready.is_set():
            wire.cut()
            if wire.close_code == 4401:
                with contextlib.suppress(RestError):
                    await self.person.renew(self.rest)
            raise ConnectionError(f"not ready; closed with {wire.close_code}")
        return wire

    # What comes

    def _on_frame(self, frame: Any) -> None:
        for one in frame if isinstance(frame, list) else [frame]:
            handler = self._handlers.get(one["op"])
            if handler is not None:
                handler(one)

    def _on_ready(self, frame: Any) -> None:
        self.server = frame["server_id"]
        self._seen.on_ready(frame)
        self.ready.set()
        self._sends.send_all()

    def _on_reconnect(self, frame: Any) -> None:
        wire = self._line.wire
        self._reconnect_at_once = True
        asyncio.get_running_loop().call_later(frame["after_ms"] / 1000, lambda: wire.cut() if wire else None)

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler({"message": f"{self.name} failed", "exception": error})
