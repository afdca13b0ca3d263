"""The cheap client finds every frame, however the network cuts the bytes."""

import asyncio
import struct
from pathlib import Path
from typing import cast

import pytest

from tests.faults import records
from tests.faults.raw_socket import PONG, RawSocket
from tests.faults.records import Recorder

UPGRADE = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
READY = b'{"op":"ready","rooms":{}}'
ACK = b'{"op":"ack","seq":1}'


class Wire:
    """What the socket writes to."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.aborted = False

    def set_write_buffer_limits(self, high: int) -> None:
        assert high > 0

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def abort(self) -> None:
        self.aborted = True


def server_frame(payload: bytes, kind: int = 1) -> bytes:
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", 0x80 | kind, size) + payload
    if size < 65_536:
        return struct.pack("!BBH", 0x80 | kind, 126, size) + payload
    return struct.pack("!BBQ", 0x80 | kind, 127, size) + payload


def connected() -> tuple[RawSocket, Wire]:
    socket, wire = RawSocket(b"{}"), Wire()
    socket.connection_made(cast(asyncio.Transport, wire))
    return socket, wire


@pytest.mark.parametrize("step", [1, 2, 7, 125, 100_000])
async def test_frames_of_all_sizes_are_found_in_pieces_of_any_size(step: int) -> None:
    socket, _ = connected()
    payloads = [READY, b"[" + b",".join([ACK] * 20) + b"]", b'"' + b"x" * 70_000 + b'"', ACK]
    data = UPGRADE + b"".join(map(server_frame, payloads))
    for at in range(0, len(data), step):
        socket.data_received(data[at : at + step])
    assert [payload for _, payload in socket.frames] == payloads
    assert socket.answers == 21
    assert socket.ready.done()


async def test_a_ping_is_answered_and_a_close_remembered() -> None:
    socket, wire = connected()
    socket.data_received(UPGRADE + server_frame(b"", 9) + server_frame(struct.pack("!H", 4408) + b"slow", 8))
    assert PONG in wire.written
    assert wire.aborted
    assert socket.close_code == 4408
    socket.ready.cancel()


def test_records_of_another_process_come_where_they_belong_in_time(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run.jsonl")
    recorder.add(records.Settled(1.0, True))
    recorder.add(records.Settled(3.0, True))
    recorder.extend([records.Settled(2.0, False)])
    recorder.add(records.Settled(4.0, True))
    recorder.close()
    assert [record.at for record in recorder.records] == [1.0, 2.0, 3.0, 4.0]
    assert records.read(tmp_path / "run.jsonl") == recorder.records
