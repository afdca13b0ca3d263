"""The messages of one device: each is sent again, under its nonce, until it is answered for good."""

import asyncio
import math
import random
import time
from dataclasses import dataclass
from typing import Any

from tests.faults import records
from tests.faults.records import Recorder
from tests.faults.wire import Line

ANSWER_SECONDS = 20.0
"""An answer that takes longer than this will not come: the connection is given up."""

FINAL = ("not_found", "not_a_member", "forbidden", "validation_failed", "bad_request", "too_large", "conflict")
PENDING = 100
OWN_MESSAGES = 50


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


class Sends:
    """`pending` by nonce; `own`: room and seq of the last messages that were acknowledged."""

    def __init__(self, name: str, recorder: Recorder, line: Line, chance: random.Random, conduct: Conduct) -> None:
        self._name = name
        self._recorder = recorder
        self._line = line
        self._chance = chance
        self._conduct = conduct
        self._has_pending = asyncio.Event()
        self.pending: dict[str, Pending] = {}
        self.own: list[tuple[str, int]] = []

    def take_over(self, pending: list[Pending]) -> None:
        self.pending = {one.nonce: one for one in pending}
        self._has_pending.set()

    def say(self, room: str, body: str) -> None:
        """Send a message now, or as soon as there is a connection."""
        if len(self.pending) >= PENDING:
            return
        nonce = f"{self._chance.getrandbits(96):024x}"
        pending = self.pending[nonce] = Pending(room, nonce, body)
        self._has_pending.set()
        self._recorder.add(records.Attempt(time.monotonic(), self._name, room, nonce, 0))
        self._send(pending)

    def send_all(self) -> None:
        """There is a new connection: what the last one did not answer is open again."""
        for pending in list(self.pending.values()):
            self._send(pending)

    async def watch(self) -> None:
        """For ever: send again what has to be, and give up a connection that does not answer."""
        while True:
            if not self.pending:
                self._has_pending.clear()
            await self._has_pending.wait()
            await asyncio.sleep(0.1)
            now = time.monotonic()
            for pending in list(self.pending.values()):
                if not self._line.ready.is_set():
                    break
                if pending.again_at <= now:
                    self._send(pending)
                elif pending.answer_by <= now:
                    self._line.cut()

    def _send(self, pending: Pending) -> None:
        if self._line.wire is None or not self._line.ready.is_set():
            return
        now = time.monotonic()
        pending.tries += 1
        pending.answer_by, pending.again_at = now + ANSWER_SECONDS, math.inf
        self._recorder.add(records.Attempt(now, self._name, pending.room, pending.nonce, pending.tries))
        self._line.send(op="send", id=pending.nonce, room=pending.room, nonce=pending.nonce, body=pending.body)

    def _again_in(self, pending: Pending, seconds: float) -> None:
        pending.answer_by, pending.again_at = math.inf, time.monotonic() + seconds

    # What comes

    def on_ack(self, frame: Any) -> None:
        now = time.monotonic()
        if "nonce" not in frame:
            self._recorder.add(records.Changed(now, self._name, frame["room"], frame["seq"]))
            return
        pending = self.pending.get(frame["nonce"])
        heeded = self._chance.random() >= self._conduct.overlook_acks
        self._recorder.add(records.Acked(now, self._name, frame["room"], frame["nonce"], frame["seq"], heeded))
        if pending is None:
            return
        if heeded:
            del self.pending[frame["nonce"]]
            self.own = [*self.own[-OWN_MESSAGES:], (frame["room"], frame["seq"])]
        else:
            self._again_in(pending, self._conduct.again_seconds)

    def on_error(self, frame: Any) -> None:
        pending = self.pending.get(str(frame.get("id")))
        if pending is None:
            return
        code = frame["code"]
        final = code in FINAL
        self._recorder.add(records.Refused(time.monotonic(), self._name, pending.room, pending.nonce, code, final))
        if final:
            del self.pending[pending.nonce]
        else:
            self._again_in(pending, frame.get("retry_after_ms", 200) / 1000 * self._chance.uniform(0.5, 1.5))
