"""The proxy leaves out whole deliveries to gateways' queues, and nothing else."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.faults.proxy import BASIC_DELIVER, BODY, FRAME_HEAD, HEADER, METHOD, BrokerProxy
from tests.support.processes import free_port


def _frame(kind: int, channel: int, payload: bytes) -> bytes:
    return FRAME_HEAD.pack(kind, channel, len(payload)) + payload + b"\xce"


def _delivery(queue: bytes, body: bytes, channel: int = 1) -> bytes:
    method = BASIC_DELIVER + b"\x03tag" + bytes(8) + b"\x00" + b"\x00" + bytes([len(queue)]) + queue
    header = b"\x00\x3c\x00\x00" + len(body).to_bytes(8, "big") + b"\x00\x00"
    half = len(body) // 2
    parts = [body[:half], body[half:]] if half else [body] * bool(body)
    return b"".join([_frame(METHOD, channel, method), _frame(HEADER, channel, header)]) + b"".join(
        _frame(BODY, channel, part) for part in parts
    )


@pytest.fixture
async def proxied() -> AsyncIterator[tuple[BrokerProxy, asyncio.StreamReader, asyncio.StreamWriter]]:
    """The proxy, what a gateway reads, and what a broker writes."""
    connected: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()

    async def broker(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set_result(writer)

    server = await asyncio.start_server(broker, "127.0.0.1", 0)
    proxy = BrokerProxy(free_port(), server.sockets[0].getsockname()[:2])
    await proxy.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    yield proxy, reader, await connected
    writer.close()
    await proxy.stop()
    server.close()
    (await connected).close()
    await asyncio.sleep(0)


async def test_every_second_delivery_to_a_gateway_is_left_out_whole(
    proxied: tuple[BrokerProxy, asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    proxy, gateway, broker = proxied
    proxy.lose_every = 2
    kept, lost = _delivery(b"gateway.1", b"first"), _delivery(b"gateway.1", b"second")
    other, last = _delivery(b"amq.reply", b"answer", channel=2), _delivery(b"gateway.1", b"")
    broker.write(kept + lost + other + last)
    wanted = kept + other + last
    async with asyncio.timeout(5):
        assert await gateway.readexactly(len(wanted)) == wanted
    assert proxy.lost == 1


async def test_a_cut_closes_the_connection_and_refuses_new_ones(
    proxied: tuple[BrokerProxy, asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    proxy, gateway, _ = proxied
    proxy.cut()
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await gateway.readexactly(1)
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()
