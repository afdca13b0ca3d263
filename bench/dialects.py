"""What the servers speak over a WebSocket: how to be let in, how to send, what an acknowledgement looks like. Pure."""

import base64
import json
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass

BODY_MARK, ACK_MARK = b"|", b"^"
STAMP_DIGITS = 16


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


def upgrade(path: str, subprotocol: str = "") -> bytes:
    """The HTTP request that begins a WebSocket."""
    key = base64.b64encode(os.urandom(16)).decode()
    chosen = f"Sec-WebSocket-Protocol: {subprotocol}\r\n" if subprotocol else ""
    return (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{chosen}\r\n"
    ).encode()


Heads = dict[str, int]
"""The last number seen in each room, for a client that comes back."""


@dataclass(frozen=True)
class Dialect:
    """What a server speaks. `send` is the payload of a send: `%(room)s`, `%(id)s` and `%(body)s` are filled in.

    `ack` is what stands right before the id of an acknowledgement; a marked id after anything else is a refusal.
    `ping` is recognised by its first byte first, which must be rare.
    """

    request: bytes
    hello: Callable[[str, Heads], bytes]
    ready: bytes
    refused: bytes
    send: str
    ack: bytes
    ping: bytes
    pong: bytes

    def send_pieces(self, room: str, body_bytes: int) -> list[bytes]:
        """The frame of a send to `room` without its stamps: `stamp.join(pieces)` is the frame."""
        place = "#" * STAMP_DIGITS
        filler = "x" * (body_bytes - STAMP_DIGITS - 1)
        filled = {"room": room, "id": f"^{place}", "nonce": f"bench-{place}", "body": f"|{place}{filler}"}
        return text_frame((self.send % filled).encode()).split(place.encode())


def _hello(token: str, heads: Heads) -> bytes:
    return text_frame(json.dumps({"op": "hello", "token": token, "batch": True, "rooms": heads}).encode())


WARREN = Dialect(
    request=upgrade("/ws", "warren.v1"),
    hello=_hello,
    ready=b'"op":"ready"',
    refused=b'"op":"error"',
    send='{"op":"send","id":"%(id)s","room":"%(room)s","nonce":"%(nonce)s","body":"%(body)s"}',
    ack=b'"op":"ack","id":"',
    ping=b"\x89\x00",
    pong=b"\x8a\x80\x00\x00\x00\x00",
)

SOCKET_IO = Dialect(
    request=upgrade("/socket.io/?EIO=4&transport=websocket"),
    hello=lambda token, _heads: text_frame(b"40" + json.dumps({"token": token}).encode()),
    ready=b'42["ready"',
    refused=b"44{",
    send='420["message",{"id":"%(id)s","room":"%(room)s","nonce":"%(nonce)s","body":"%(body)s"}]',
    ack=b'"ok":true,"id":"',
    ping=b"\x012",
    pong=text_frame(b"3"),
)
"""Engine.io 4 and socket.io 4: `40` connects, `42` is an event, `43` the answer to one, `2` and `3` a ping."""

DIALECTS = {"warren": WARREN, "socket.io": SOCKET_IO}
