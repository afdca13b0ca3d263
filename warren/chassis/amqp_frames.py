"""AMQP frames as bytes: those of the message path are read and written here in one step, all others by pamqp. Pure.

pamqp takes a frame apart field by field, and the client library awaits each part of it: reading and writing frames was
half of what an owner and a gateway spent on a lone message (docs/performance.md).
"""

import struct
from collections import deque

import pamqp.frame
from pamqp.body import ContentBody
from pamqp.commands import Basic

Frame = tuple[int, int, pamqp.frame.FrameTypes]
"""Bytes that it took, channel, frame; as `pamqp.frame.unmarshal` has it."""

METHOD, HEADER, BODY = 1, 2, 3
END = b"\xce"
OVERHEAD = 8
"""Bytes of a frame beside its payload."""

_FRAME = struct.Struct(">BHI")
_PUBLISH = struct.Struct(">HHH")
_CONTENT = struct.Struct(">HHQH")
_TAG = struct.Struct(">QB")
_DELIVER = bytes((0, 60, 0, 60))
_ACK = bytes((0, 60, 0, 80))
_MODE_FLAG, _ID_FLAG = 1 << 12, 1 << 7


class FrameParser:
    """Bytes as they come from the broker become frames. Raises pamqp's exceptions on what is none."""

    def __init__(self) -> None:
        self.frames: deque[Frame] = deque()
        """Those that are whole, to be taken from the left."""
        self.rest = b""
        """The beginning of the next one."""

    def feed(self, data: bytes) -> None:
        data = self.rest + data if self.rest else data
        at, length = 0, len(data)
        while length - at >= OVERHEAD:
            kind, channel, size = _FRAME.unpack_from(data, at)
            end = at + size + OVERHEAD
            if data.startswith(b"AMQP", at):  # not a frame: the broker speaks another version
                end = at + OVERHEAD
            elif end > length:
                break
            self.frames.append((end - at, channel, _frame(kind, data, at, end)))
            at = end
        self.rest = data[at:]


def _frame(kind: int, data: bytes, at: int, end: int) -> pamqp.frame.FrameTypes:
    if data[end - 1] == END[0]:
        if kind == BODY:
            return ContentBody(data[at + 7 : end - 1])
        method = data[at + 7 : at + 11]
        if kind == METHOD and method == _DELIVER:
            return _deliver(data, at + 11)
        if kind == METHOD and method == _ACK:
            tag, bits = _TAG.unpack_from(data, at + 11)
            return Basic.Ack(tag, bool(bits & 1))
    return pamqp.frame.unmarshal(data[at:end])[2]


def _deliver(data: bytes, at: int) -> Basic.Deliver:
    consumer, at = _text(data, at)
    tag, bits = _TAG.unpack_from(data, at)
    exchange, at = _text(data, at + _TAG.size)
    routing_key, at = _text(data, at)
    return Basic.Deliver(consumer, tag, bool(bits & 1), exchange, routing_key)


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + data[at]
    return data[at + 1 : end].decode(), end


def publish_frames(
    channel: int, exchange: str, routing_key: str, body: bytes, *, mandatory: bool, delivery_mode: int, message_id: str
) -> bytes:
    """A message that fits into one frame, with no properties but these two."""
    to, key, name = exchange.encode(), routing_key.encode(), message_id.encode()
    method = b"%b%c%b%c%b%c" % (_PUBLISH.pack(60, 40, 0), len(to), to, len(key), key, mandatory)
    flags = _CONTENT.pack(60, 0, len(body), _MODE_FLAG | _ID_FLAG)
    content = b"%b%c%c%b" % (flags, delivery_mode, len(name), name)
    parts = [
        _FRAME.pack(METHOD, channel, len(method)),
        method,
        END,
        _FRAME.pack(HEADER, channel, len(content)),
        content,
    ]
    parts += (END, _FRAME.pack(BODY, channel, len(body)), body, END) if body else (END,)
    return b"".join(parts)
