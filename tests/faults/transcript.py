"""From what went over a raw socket to the records that a device would have written."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tests.faults import observed, records
from tests.faults.records import AnyRecord

DEFINITE = ("overloaded", "rate_limited")
"""Refused before anything was done: such a message must not be stored. Other refusals leave that open."""
CONNECTION = 1
_decode = msgspec.json.Decoder().decode


class Sent(msgspec.Struct):
    """A message that went out at `at` (monotonic seconds)."""

    at: float
    room: str
    nonce: str
    body: str


class Left(msgspec.Struct):
    """Where a device stands when its socket is closed: the last seq of each room, and what is still open."""

    last: dict[str, int]
    pending: list[Sent]


@dataclass
class Transcript:
    """`device` and `user` of the socket. After `read`: its records, and what they come to."""

    device: str
    user: str
    records: list[AnyRecord] = field(default_factory=list)
    last: dict[str, int] = field(default_factory=dict)
    open: dict[str, Sent] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)
    without_a_time: int = 0
    """Refusals as `overloaded` that do not say when to try again."""

    def read(self, sent: list[Sent], frames: list[tuple[float, bytes]]) -> None:
        for one in sent:
            self.open[one.nonce] = one
            self.records.append(records.Attempt(one.at, self.device, one.room, one.nonce, 0))
        for at, payload in frames:
            found = _decode(payload)
            for frame in found if isinstance(found, list) else [found]:
                self._take(at, frame)
        self.records.sort(key=lambda record: record.at)

    def left(self) -> Left:
        return Left(self.last, list(self.open.values()))

    def _take(self, at: float, frame: Any) -> None:
        match frame["op"]:
            case "ready":
                self.last = dict(frame["rooms"])
                self.records.append(records.Ready(at, self.device, CONNECTION, frame["server_id"], dict(self.last), {}))
            case "ack":
                self.open.pop(frame["nonce"], None)
                self.records.append(records.Acked(at, self.device, frame["room"], frame["nonce"], frame["seq"]))
            case "error":
                self._refused(at, frame)
            case "event":
                shown = frame["seq"] == self.last[frame["room"]] + 1
                if shown:
                    self.last[frame["room"]] = frame["seq"]
                self.records.append(observed.event(self.device, CONNECTION, frame, "live", shown, at))
            case _:
                pass

    def _refused(self, at: float, frame: Any) -> None:
        sent, code = self.open.get(str(frame.get("id"))), frame["code"]
        if sent is None:
            return
        self.refusals[code] += 1
        self.without_a_time += code in DEFINITE and not frame.get("retry_after_ms")
        final = code in DEFINITE
        self.records.append(records.Refused(at, self.device, sent.room, sent.nonce, code, final))
        if final:
            del self.open[sent.nonce]
