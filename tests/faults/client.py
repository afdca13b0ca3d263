"""One device of one user, which does what PROTOCOL.md says a client does and records everything it sees.

Told to, it also misbehaves as real clients do: it is cut off, stops reading, or overlooks acknowledgements.
"""

import asyncio
import contextlib
import math
import random
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import msgspec
from picows import WSError, WSFrame, WSListener, WSMsgType, WSParsedURL, WSTransport, ws_connect

from tests.faults import observed, records
from tests.faults.people import Person, Rest, RestError
from tests.faults.records import Recorder

SUBPROTOCOL = "warren.v1"
BACKOFF_SECONDS = (0.2, 10.0)
CONNECT_SECONDS = 5.0
READY_SECONDS = 20.0
ANSWER_SECONDS = 20.0
"""An answer that takes longer than this will not come: the connection is given up."""

FINAL = ("not_found", "not_a_member", "forbidden", "validation_failed", "bad_request", "too_large", "conflict")
PENDING = 100
OWN_MESSAGES = 50
HISTORY_LIMIT = 200
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


@dataclass
class Pending:
    """A message that is not acknowledged yet."""

    room: str
    nonce: str
    body: str
    tries: int = 0
    answer_by: float = math.inf
    again_at: float = math.inf


@dataclass
class Conduct:
    """How a device behaves; experiments change it."""

    overlook_acks: float = 0.0
    """The share of acknowledgements that it overlooks, so that it sends again."""
    again_seconds: float = 0.3
    receive_buffer: int | None = None
    online: bool = True


class _Wire(WSListener):
    """Hands on what comes over one connection."""

    def __init__(self, on_frame: Callable[[Any], None]) -> None:
        super().__init__()
        self._on_frame = on_frame
        self.closed = asyncio.Event()
        self.close_code: int | None = None
        self.transport: WSTransport | None = None

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
        self.last: dict[str, int] = {}
        self.pending: dict[str, Pending] = {}
        self.own: list[tuple[str, int]] = []
        self.server = ""
        self.ready = asyncio.Event()
        self._held: dict[str, dict[int, Any]] = {}
        self._loading: set[str] = set()
        self._hello_rooms: dict[str, int] = {}
        self._wire: _Wire | None = None
        self._connection = 0
        self._url = 0
        self._reconnect_at_once = False
        self._may_go_online = asyncio.Event()
        self._may_go_online.set()
        self._has_pending = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    # Life

    def start(self) -> None:
        self._spawn(self._stay_connected())
        self._spawn(self._watch())

    def take_over(self, last: dict[str, int], pending: list[Pending]) -> None:
        """Before `start`: go on where another client of this name and user, with one connection, left off."""
        self.last, self._connection = dict(last), 1
        self.pending = {one.nonce: one for one in pending}
        self._has_pending.set()

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.cut()

    def cut(self) -> None:
        if self._wire is not None:
            self._wire.cut()

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
        if self._wire is not None and self._wire.transport is not None:
            self._wire.transport.underlying_transport.pause_reading()

    def go_on_reading(self) -> None:
        if self._wire is not None and self._wire.transport is not None and not self._wire.closed.is_set():
            with contextlib.suppress(RuntimeError):  # it was not stopped, or it is closing
                self._wire.transport.underlying_transport.resume_reading()

    # What its user does

    def say(self, room: str, body: str) -> None:
        """Send a message now, or as soon as there is a connection, until it is answered for good."""
        if len(self.pending) >= PENDING:
            return
        nonce = f"{self.chance.getrandbits(96):024x}"
        pending = self.pending[nonce] = Pending(room, nonce, body)
        self._has_pending.set()
        self.recorder.add(records.Attempt(time.monotonic(), self.name, room, nonce, 0))
        self._send(pending)

    def change(self, op: str, room: str, seq: int, **fields: Any) -> None:
        """Edit, delete or react; not repeated when the answer does not come."""
        if self._wire is not None and self.ready.is_set():
            self._wire.send(op=op, id=f"c-{room}", room=room, seq=seq, **fields)

    def read(self, room: str, seq: int) -> None:
        if self._wire is not None and self.ready.is_set():
            self._wire.send(op="read", room=room, seq=seq)

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
            self.recorder.add(records.Closed(time.monotonic(), self.name, self._connection, code))
            if not self._reconnect_at_once:
                await asyncio.sleep(self.chance.uniform(0, BACKOFF_SECONDS[0]))
            self._reconnect_at_once = False

    async def _connect(self) -> _Wire:
        """A connection that is ready. Raises OSError, WSError, TimeoutError, ConnectionError."""
        token = await self.person.token(self.rest)
        self._connection += 1
        self._held.clear()
        wire = _Wire(self._on_frame)
        url = self.urls[self._url % len(self.urls)]
        headers = {"Sec-WebSocket-Protocol": SUBPROTOCOL}
        async with asyncio.timeout(CONNECT_SECONDS):
            await ws_connect(lambda: wire, url, extra_headers=headers, socket_factory=self._socket)
        self._wire = wire
        self._hello_rooms = dict(self.last)
        wire.send(op="hello", token=token, rooms=self._hello_rooms, batch=True)
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

    def _socket(self, url: WSParsedURL) -> socket.socket | None:
        """Only for a small receive buffer; None lets the library make its own."""
        if self.conduct.receive_buffer is None:
            return None
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.conduct.receive_buffer)
        made.connect((url.host, int(url.port)))
        made.setblocking(False)
        return made

    async def _watch(self) -> None:
        """Send again what has to be, and give up a connection that does not answer."""
        while True:
            if not self.pending:
                self._has_pending.clear()
            await self._has_pending.wait()
            await asyncio.sleep(0.1)
            now = time.monotonic()
            for pending in list(self.pending.values()):
                if not self.ready.is_set():
                    break
                if pending.again_at <= now:
                    self._send(pending)
                elif pending.answer_by <= now:
                    self.cut()

    def _send(self, pending: Pending) -> None:
        if self._wire is None or not self.ready.is_set():
            return
        now = time.monotonic()
        pending.tries += 1
        pending.answer_by, pending.again_at = now + ANSWER_SECONDS, math.inf
        self.recorder.add(records.Attempt(now, self.name, pending.room, pending.nonce, pending.tries))
        self._wire.send(op="send", id=pending.nonce, room=pending.room, nonce=pending.nonce, body=pending.body)

    def _again_in(self, pending: Pending, seconds: float) -> None:
        pending.answer_by, pending.again_at = math.inf, time.monotonic() + seconds

    # What comes

    def _on_frame(self, frame: Any) -> None:
        for one in frame if isinstance(frame, list) else [frame]:
            handler = self._HANDLERS.get(one["op"])
            if handler is not None:
                handler(self, one)

    def _on_ready(self, frame: Any) -> None:
        now, mine = time.monotonic(), frame["rooms"]
        for room in [room for room in self.last if room not in mine]:
            self.recorder.add(records.RoomEnded(now, self.name, room, self.last.pop(room)))
        heads = {room: head for room, head in mine.items() if room not in self._hello_rooms}
        resumed = {room: self._hello_rooms[room] for room in mine if room in self._hello_rooms}
        self.last.update(heads)
        self.server = frame["server_id"]
        self.recorder.add(records.Ready(now, self.name, self._connection, self.server, heads, resumed))
        self.ready.set()
        for pending in list(self.pending.values()):
            self._send(pending)

    def _on_event(self, frame: Any) -> None:
        room, seq = frame["room"], frame["seq"]
        last = self.last.get(room)
        shown = last is not None and seq == last + 1 and room not in self._loading
        self._record(frame, "live", shown)
        if shown:
            self._show(frame)
            self._show_held(room)
        elif last is not None and seq > last:
            held = self._held.setdefault(room, {})
            if not held and room not in self._loading and self._wire is not None:
                self.recorder.add(records.Synced(time.monotonic(), self.name, self._connection, room, last))
                self._wire.send(op="sync", room=room, after=last)
            held[seq] = frame

    def _show(self, frame: Any, *, history: bool = False) -> None:
        """In history one's own leaving is not the end: who may load it has come back since."""
        room, seq = frame["room"], frame["seq"]
        self.last[room] = seq
        if frame["type"] == "member.left" and frame["user"] == self.person.id and not history:
            del self.last[room]
            self._held.pop(room, None)

    def _show_held(self, room: str) -> None:
        held = self._held.get(room)
        while held and room in self.last:
            for seq in [seq for seq in held if seq <= self.last[room]]:
                del held[seq]
            frame = held.pop(self.last[room] + 1, None)
            if frame is None:
                break
            self._record(frame, "held", True)
            self._show(frame)

    def _record(self, frame: Any, source: str, shown: bool) -> None:
        self.recorder.add(observed.event(self.name, self._connection, frame, source, shown))

    def _on_ack(self, frame: Any) -> None:
        now = time.monotonic()
        if "nonce" not in frame:
            self.recorder.add(records.Changed(now, self.name, frame["room"], frame["seq"]))
            return
        pending = self.pending.get(frame["nonce"])
        heeded = self.chance.random() >= self.conduct.overlook_acks
        self.recorder.add(records.Acked(now, self.name, frame["room"], frame["nonce"], frame["seq"], heeded))
        if pending is None:
            return
        if heeded:
            del self.pending[frame["nonce"]]
            self.own = [*self.own[-OWN_MESSAGES:], (frame["room"], frame["seq"])]
        else:
            self._again_in(pending, self.conduct.again_seconds)

    def _on_error(self, frame: Any) -> None:
        pending = self.pending.get(str(frame.get("id")))
        if pending is None:
            return
        code = frame["code"]
        final = code in FINAL
        self.recorder.add(records.Refused(time.monotonic(), self.name, pending.room, pending.nonce, code, final))
        if final:
            del self.pending[pending.nonce]
        else:
            self._again_in(pending, frame.get("retry_after_ms", 200) / 1000 * self.chance.uniform(0.5, 1.5))

    def _on_notice(self, frame: Any) -> None:
        if frame["kind"] == "room_added":
            room, head = frame["room"], frame["head"]
            self.recorder.add(records.RoomStart(time.monotonic(), self.name, self._connection, room, head))
            self.last[room] = max(head, self.last.get(room, 0))

    def _on_reset(self, frame: Any) -> None:
        room, head = frame["room"], frame["head"]
        self.recorder.add(records.RoomReset(time.monotonic(), self.name, self._connection, room, head))
        if room not in self._loading:
            self._loading.add(room)
            self._spawn(self._load(room, head))

    async def _load(self, room: str, head: int) -> None:
        """Everything up to `head` by REST; what comes live meanwhile is held."""
        try:
            while room in self.last and self.last[room] < head:
                token = await self.person.token(self.rest)
                path = f"/rooms/{room}/events"
                page = await self.rest.call("GET", path, token, after=self.last[room], limit=HISTORY_LIMIT)
                if not page["events"]:
                    break
                for event in page["events"]:
                    if room in self.last and event["seq"] == self.last[room] + 1:
                        self._record(event, "history", True)
                        self._show(event, history=True)
        except RestError:  # removed meanwhile
            after = self.last.pop(room, None)
            if after is not None:
                self.recorder.add(records.RoomEnded(time.monotonic(), self.name, room, after))
        finally:
            self._loading.discard(room)
        self._show_held(room)

    def _on_reconnect(self, frame: Any) -> None:
        wire = self._wire
        self._reconnect_at_once = True
        asyncio.get_running_loop().call_later(frame["after_ms"] / 1000, lambda: wire.cut() if wire else None)

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler({"message": f"{self.name} failed", "exception": error})

    _HANDLERS: ClassVar[dict[str, Any]] = {
        "ready": _on_ready,
        "event": _on_event,
        "ack": _on_ack,
        "error": _on_error,
        "notice": _on_notice,
        "reset": _on_reset,
        "reconnect": _on_reconnect,
    }
