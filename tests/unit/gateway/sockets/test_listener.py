"""The drain: every socket is told to reconnect at its own moment, nobody is held up, the last ones are closed."""

import asyncio
from typing import Any, cast

import pytest

from services.gateway.rooms.audience import Audience
from services.gateway.sockets.listener import SLICES, UNANSWERED_PINGS, SocketServer
from services.gateway.sockets.outbound import Flusher
from tests.support.virtual_time import pass_time, ticks
from tests.unit.gateway.rooms.room_bench import Owner
from tests.unit.gateway.sockets.bench import Client
from warren.chassis.lifecycle import Tasks
from warren.contracts.errors import CloseCode
from warren.contracts.limits import HEARTBEAT_MS, HELLO_SECONDS

DRAIN_SECONDS = 5.0


class Rooms:
    """What the server needs of `LocalRooms`."""

    def __init__(self, tasks: Tasks) -> None:
        async def in_step(_room: str) -> None: ...

        self.audience = Audience(cast(Any, None), tasks, lambda _room: None, in_step)


class Presence:
    def __init__(self) -> None:
        self.gone: list[str] = []

    def disconnected(self, connection: str, _user: str) -> None:
        self.gone.append(connection)


@pytest.fixture
async def server(tasks: Tasks) -> SocketServer:
    """Without a port."""
    return SocketServer(
        host="",
        port=0,
        origins=frozenset(),
        drain_seconds=DRAIN_SECONDS,
        commands=cast(Any, Owner()),
        local_rooms=cast(Any, Rooms(tasks)),
        reads=cast(Any, None),
        greeter=cast(Any, None),
        presence=cast(Any, Presence()),
        rate_limits=False,
        flusher=Flusher(),
        tasks=tasks,
        cut_off=lambda: False,
        now=asyncio.get_running_loop().time,
    )


def client(server: SocketServer, *, ready: bool = True) -> Client:
    return Client(cast(Any, server), ready=ready)


def reconnects(of: Client) -> list[int]:
    return [frame["after_ms"] for frame in of.wire.texts if frame["op"] == "reconnect"]


async def test_a_drain_spreads_its_sockets_over_the_drain_time_and_then_closes_those_that_stay(
    server: SocketServer,
) -> None:
    clients = [client(server) for _ in range(400)]
    began = asyncio.get_running_loop().time()
    await server.stop()
    assert asyncio.get_running_loop().time() - began == pytest.approx(DRAIN_SECONDS)
    moments = sorted(moment for each in clients for moment in reconnects(each))
    assert len(moments) == 400, "each is told once"
    assert moments[0] >= 0 and moments[-1] <= DRAIN_SECONDS * 1000
    for quarter in range(4):
        low, high = quarter * DRAIN_SECONDS * 250, (quarter + 1) * DRAIN_SECONDS * 250
        share = sum(low <= moment < high for moment in moments)
        assert 50 <= share <= 160, "a quarter of the time takes about a quarter of the sockets"
    assert {each.close_code for each in clients} == {CloseCode.GOING_AWAY}


async def test_a_drain_ends_as_soon_as_the_last_socket_has_gone(server: SocketServer) -> None:
    clients = [client(server) for _ in range(3)]
    began = asyncio.get_running_loop().time()
    stopping = asyncio.create_task(server.stop())
    await pass_time(1)
    for each in clients:
        assert each.close_code is None, "nobody is closed before its time"
        each.connection.on_ws_disconnected(cast(Any, each.wire))
    await stopping
    assert asyncio.get_running_loop().time() - began < 2
    assert len(server) == 0


async def test_who_sends_during_the_drain_is_served(server: SocketServer) -> None:
    one = client(server)
    stopping = asyncio.create_task(server.stop())
    await ticks()
    await one.say(op="send", id=1, room="r", nonce="nonce-001", body="one more thing")
    assert len(cast(Any, server.commands).commands) == 1
    await stopping


async def test_a_server_without_sockets_stops_at_once(server: SocketServer) -> None:
    began = asyncio.get_running_loop().time()
    await server.stop()
    assert asyncio.get_running_loop().time() == began


async def test_sockets_that_do_not_answer_pings_or_never_say_hello_are_closed(
    server: SocketServer, tasks: Tasks
) -> None:
    silent, dumb = client(server), client(server, ready=False)
    ticking = tasks.spawn("heartbeat", server._tick_forever())
    await pass_time(HELLO_SECONDS + HEARTBEAT_MS / 1000 / SLICES + 1)
    assert dumb.close_code == CloseCode.PROTOCOL_VIOLATION and silent.close_code is None
    await pass_time(HEARTBEAT_MS / 1000 * (UNANSWERED_PINGS + 1))
    assert silent.close_code == CloseCode.GOING_AWAY
    await tasks.cancel(ticking)
