"""WebSocket frames as bytes."""

import struct

import pytest

from services.gateway.sockets.encode import PING_FRAME, close_frame, reply_frame, text_frame
from warren.contracts import socket
from warren.contracts.errors import Code


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x81\x00"),
        (1, b"\x81\x01"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65_535, b"\x81\x7e\xff\xff"),
        (65_536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_a_text_frame_says_its_length_in_the_shortest_form(size: int, head: bytes) -> None:
    frame = text_frame(b"x" * size)
    assert frame[: len(head)] == head
    assert frame[len(head) :] == b"x" * size


def test_replies_are_json_named_by_op_without_what_is_not_set() -> None:
    frame = reply_frame(socket.Error(Code.OVERLOADED, "later", None, 200))
    assert frame[2:] == b'{"op":"error","code":"overloaded","detail":"later","retry_after_ms":200}'


@pytest.mark.parametrize("reason", ["", "bye", "x" * 123, "x" * 200, "é" * 100, "x" * 122 + "é", "👋" * 40])
def test_a_close_frame_fits_a_control_frame_and_its_reason_stays_utf_8(reason: str) -> None:
    frame = close_frame(4408, reason)
    assert frame[0] == 0x88 and frame[1] == len(frame) - 2 <= 125
    assert struct.unpack("!H", frame[2:4]) == (4408,)
    said = frame[4:].decode()
    assert reason.startswith(said)
    assert len(said.encode()) > 119 or said == reason


def test_a_ping_is_an_empty_final_control_frame() -> None:
    assert PING_FRAME == b"\x89\x00"
