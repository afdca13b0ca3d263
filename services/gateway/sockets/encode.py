"""WebSocket frames (RFC 6455, server to client, unmasked) as bytes, made once and written to many sockets."""

import struct

import msgspec

from warren.contracts.codec import encode_json

_TEXT = 0x81

PING_FRAME = b"\x89\x00"


def text_frame(payload: bytes) -> bytes:
    """A final text frame around UTF-8 bytes."""
    size = len(payload)
    if size < 126:
        return bytes((_TEXT, size)) + payload
    if size < 65_536:
        return struct.pack("!BBH", _TEXT, 126, size) + payload
    return struct.pack("!BBQ", _TEXT, 127, size) + payload


def reply_frame(reply: msgspec.Struct) -> bytes:
    """A text frame with one of the replies of `contracts.socket`."""
    return text_frame(encode_json(reply))


def close_frame(code: int, reason: str) -> bytes:
    """A close frame; the reason is cut to what a control frame may carry (123 bytes)."""
    text = reason.encode()[:123].decode(errors="ignore").encode()
    return bytes((0x88, len(text) + 2)) + struct.pack("!H", code) + text
