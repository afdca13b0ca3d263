"""What goes out to one socket: one write a tick, bounded, what can be missed dropped first."""

import asyncio
import struct
from typing import cast

import pytest

from services.gateway.sockets.outbound import LINGER_SECONDS, Flusher, Outbound
from tests.support.virtual_time import pass_time, ticks
from warren.contracts.errors import CloseCode
from warren.contracts.limits import SOCKET_BUFFER_BYTES, SOCKET_WRITE_SECONDS


class Transport:
    """Keeps what is written. `stuck`: the peer does not read, so it stays in the buffer."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.stuck = False
        self.buffered = 0
        self.ended = ""

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        if self.stuck:
            self.buffered += len(data)

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def abort(self) -> None:
        self.ended = "aborted"

    def close(self) -> None:
        self.ended = "closed"


class Bench:
    def __init__(self) -> None:
        self.transport = Transport()
        self.slow = 0
        self.flusher = Flusher()
        self.outbound = Outbound(cast(asyncio.Transport, self.transport), self.flusher, self.on_slow)

    def on_slow(self) -> None:
        self.slow += 1

    def stick(self, buffered: int = 0) -> None:
        """The peer stops reading, and the transport says so."""
        self.transport.stuck = True
        self.transport.buffered = buffered
        self.outbound.paused(100.0)

    @property
    def closed_with(self) -> int:
        last = self.transport.writes[-1]
        assert last[0] == 0x88
        return int(struct.unpack("!H", last[2:4])[0])


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_all_of_a_tick_is_one_write(bench: Bench) -> None:
    for frame in (b"a", b"b", b"c"):
        bench.outbound.send(frame)
    assert bench.transport.writes == []
    await ticks()
    bench.outbound.send(b"d")
    await ticks()
    assert bench.transport.writes == [b"abc", b"d"]


async def test_flushing_early_writes_once(bench: Bench) -> None:
    bench.outbound.send(b"a")
    bench.flusher.flush()
    assert bench.transport.writes == [b"a"]
    await ticks()
    assert bench.transport.writes == [b"a"]


async def test_a_buffer_past_its_bound_closes_the_socket_as_a_slow_consumer(bench: Bench) -> None:
    bench.stick(SOCKET_BUFFER_BYTES - 10)
    bench.outbound.send(b"x" * 10)
    await ticks()
    assert bench.slow == 0
    bench.outbound.send(b"x")
    await ticks()
    assert bench.slow == 1 and bench.closed_with == CloseCode.SLOW_CONSUMER
    written = len(bench.transport.writes)
    bench.outbound.send(b"more")
    await ticks()
    assert len(bench.transport.writes) == written and bench.slow == 1


async def test_a_buffer_that_does_not_drain_in_time_closes_the_socket(bench: Bench) -> None:
    bench.stick(100)
    bench.outbound.check(100.0 + SOCKET_WRITE_SECONDS)
    assert bench.slow == 0
    bench.outbound.check(100.1 + SOCKET_WRITE_SECONDS)
    bench.outbound.check(200.0)
    assert bench.slow == 1 and bench.closed_with == CloseCode.SLOW_CONSUMER


async def test_a_buffer_that_drained_is_no_reason(bench: Bench) -> None:
    bench.stick(100)
    bench.outbound.resumed()
    bench.outbound.check(1_000.0)
    assert bench.slow == 0


async def test_what_can_be_missed_is_dropped_first(bench: Bench) -> None:
    bench.outbound.send_droppable(b"1")
    bench.stick(SOCKET_BUFFER_BYTES // 2 - 100)
    bench.outbound.send_droppable(b"2")
    await ticks()
    bench.transport.buffered = SOCKET_BUFFER_BYTES // 2
    bench.outbound.send_droppable(b"3")
    bench.outbound.send(b"4")
    await ticks()
    assert bench.transport.writes == [b"12", b"4"]


async def test_closing_writes_what_was_gathered_first_and_nothing_after(bench: Bench) -> None:
    bench.outbound.send(b"last")
    bench.outbound.close(CloseCode.GOING_AWAY, "restart")
    bench.outbound.close(CloseCode.TOO_FAST, "again")
    bench.outbound.send(b"never")
    await ticks()
    assert bench.transport.writes[0] == b"last" and len(bench.transport.writes) == 2
    assert bench.closed_with == CloseCode.GOING_AWAY and bench.outbound.closed


async def test_a_peer_that_does_not_answer_a_close_is_cut_off(bench: Bench) -> None:
    bench.outbound.close(CloseCode.GOING_AWAY, "restart")
    await pass_time(LINGER_SECONDS - 0.1)
    assert bench.transport.ended == ""
    await pass_time(0.2)
    assert bench.transport.ended == "aborted"


async def test_a_close_of_the_peer_is_answered_and_the_connection_let_go(bench: Bench) -> None:
    bench.outbound.send(b"a")
    bench.outbound.answer_close(1000)
    assert bench.transport.writes[0] == b"a" and bench.closed_with == 1000
    assert bench.transport.ended == "closed"


async def test_an_answer_to_our_own_close_is_not_answered_again(bench: Bench) -> None:
    bench.outbound.close(CloseCode.GOING_AWAY, "restart")
    bench.outbound.answer_close(1000)
    assert len(bench.transport.writes) == 1 and bench.transport.ended == "closed"


async def test_a_connection_that_is_gone_is_not_written_to(bench: Bench) -> None:
    bench.outbound.send(b"a")
    bench.outbound.cut()
    await ticks()
    assert bench.transport.writes == []
