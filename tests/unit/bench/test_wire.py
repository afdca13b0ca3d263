"""The load generator counts every delivery, whatever the pieces in which it arrives."""

import asyncio
from collections.abc import Iterator

import pytest

from bench.dialects import SOCKET_IO, WARREN, Dialect, text_frame
from bench.wire import LoadSocket, Seen

FIRST = 1_764_165_000_000_000


class Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))


def server_frame(payload: bytes) -> bytes:
    """Unmasked, as a server sends it."""
    size = len(payload)
    return (bytes((0x81, size)) if size < 126 else b"\x81\x7e" + size.to_bytes(2, "big")) + payload


def event(due: int, more: int = 0) -> bytes:
    body = f"|{due}".encode() + b"x" * more
    return server_frame(b'{"op":"event","message":{"nonce":"bench-%d","body":"%b"}}' % (due, body))


def ack(due: int) -> bytes:
    return server_frame(b'{"op":"ack","id":"^%d","room":"r","seq":7}' % due)


def stamps(chunks: list[tuple[int, bytes]]) -> Iterator[int]:
    for _, joined in chunks:
        yield from (int(joined[at : at + 16]) for at in range(0, len(joined), 16))


async def opened(dialect: Dialect = WARREN) -> tuple[LoadSocket, Seen, Transport]:
    seen, transport = Seen(), Transport()
    socket = LoadSocket(dialect, b"hello", seen)
    socket.connection_made(transport)
    socket.data_received(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + server_frame(dialect.ready + b"}"))
    assert await socket.ready
    return socket, seen, transport


@pytest.mark.parametrize("size", [1, 7, 16, 17, 100, 100_000])
async def test_every_stamp_is_counted_once_however_the_stream_is_cut(size: int) -> None:
    socket, seen, _ = await opened()
    # More bytes than the smallest frames: lengths take all values, those of the marks among them.
    stream = b"".join(event(FIRST + i, i) + ack(FIRST + i) for i in range(256))
    for at in range(0, len(stream), size):
        socket.data_received(stream[at : at + size])
    assert list(stamps(seen.deliveries)) == [FIRST + i for i in range(256)]
    assert list(stamps(seen.acks)) == [FIRST + i for i in range(256)]
    assert seen.errors == 0


async def test_a_refused_send_is_an_error_and_no_acknowledgement() -> None:
    socket, seen, _ = await opened()
    socket.data_received(server_frame(b'{"op":"error","code":"overloaded","id":"^%d"}' % FIRST))
    assert (seen.acks, seen.errors) == ([], 1)
    assert b"overloaded" in seen.last_error


async def test_a_ping_between_frames_is_answered() -> None:
    socket, _, transport = await opened()
    socket.data_received(event(FIRST) + WARREN.ping + event(FIRST + 1))
    assert transport.written[-1] == WARREN.pong


async def test_being_refused_at_the_door_is_told_with_the_servers_words() -> None:
    socket = LoadSocket(WARREN, b"hello", Seen())
    socket.connection_made(Transport())
    socket.data_received(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
    socket.data_received(server_frame(b'{"op":"error","code":"unauthenticated"}'))
    with pytest.raises(ConnectionError, match="unauthenticated"):
        await socket.ready


@pytest.mark.parametrize("dialect", [WARREN, SOCKET_IO])
def test_a_send_is_made_of_pieces_around_its_stamp(dialect: Dialect) -> None:
    frame = str(FIRST).encode().join(dialect.send_pieces("room-1", 100))
    payload = frame[8:] if frame[1] & 0x7F == 126 else frame[6:]
    assert frame == text_frame(payload)
    assert f'"id":"^{FIRST}"'.encode() in payload
    assert len(payload.split(b'"body":"')[1].split(b'"')[0]) == 100
