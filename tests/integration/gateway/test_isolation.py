"""A gateway that alone has lost the broker: unready at once, and its sockets go to another one."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
import picows
import pytest

from tests.conftest import StartProgram
from tests.faults.proxy import BrokerProxy
from tests.support.client import Socket
from tests.support.processes import Program, free_port, stop_all
from tests.support.spaces import Space
from tests.support.waiting import eventually

SENT_AWAY_SECONDS = 12.0
"""Three of silence, three in which another gateway is well, and slack."""

PASSWORD = "correct horse battery"


@dataclass
class Pair:
    """`lone` reaches RabbitMQ only through `proxy`."""

    lone: Program
    well: Program
    proxy: BrokerProxy
    token: str
    sockets: list[Socket] = field(default_factory=list)

    async def connect(self, gateway: Program) -> Socket:
        """A socket that is ready, until the test ends."""
        made = await Socket.connect(f"ws://127.0.0.1:{gateway.socket_port}/ws")
        self.sockets.append(made)
        made.say(op="hello", token=self.token, rooms={})
        await made.wait(lambda frame: frame["op"] == "ready")
        return made

    async def is_ready(self, gateway: Program) -> bool:
        async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
            return (await http.get(f"{gateway.url}/health/ready")).status_code == 200


@pytest.fixture
async def pair(start: StartProgram, space: Space) -> AsyncIterator[Pair]:
    broker = urlsplit(space.rabbitmq_url)
    assert broker.hostname is not None and broker.port is not None
    proxy = BrokerProxy(free_port(), (broker.hostname, broker.port))
    await proxy.start()
    by_proxy = broker._replace(netloc=f"{broker.username}:{broker.password}@127.0.0.1:{proxy.port}").geturl()
    programs = [start(service, wait=False) for service in ("auth", "messaging")]
    programs += [start("gateway", wait=False, DRAIN_SECONDS="1", **own) for own in ({}, {"RABBITMQ_URL": by_proxy})]
    for program in programs:
        await asyncio.to_thread(program.wait_ready)
    _, _, well, lone = programs
    name = f"user-{secrets.token_hex(4)}"
    account = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
    async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
        answer = await http.post(f"{well.url}/api/v1/auth/register", json=account)
    made = Pair(lone, well, proxy, answer.json()["access_token"])
    yield made
    for one in made.sockets:
        if not one.closed.is_set():
            one.cut()
    await asyncio.to_thread(stop_all, programs)
    await proxy.stop()


@pytest.mark.parametrize("silent", [False, True], ids=["closed", "silent"])
async def test_sockets_of_a_gateway_that_alone_lost_the_broker_are_sent_to_another(pair: Pair, silent: bool) -> None:
    sockets = [await pair.connect(pair.lone) for _ in range(5)]
    staying = await pair.connect(pair.well)
    if silent:
        pair.proxy.freeze()
    else:
        pair.proxy.cut()

    async def unready() -> bool:
        return not await pair.is_ready(pair.lone)

    async def refused() -> bool:
        try:
            (await Socket.connect(f"ws://127.0.0.1:{pair.lone.socket_port}/ws")).cut()
        except picows.WSError as error:
            assert "503" in str(error)
            return True
        return False

    await eventually(unready, "it says that it is not ready", 8 if silent else 1)
    await eventually(refused, "it takes no new sockets", 3 if silent else 1)
    told = [await one.wait(lambda frame: frame["op"] == "reconnect", SENT_AWAY_SECONDS) for one in sockets]
    assert len({frame["after_ms"] for frame in told}) > 1, "not all at once"
    assert all(0 <= frame["after_ms"] <= 1_000 and "broker" in frame["reason"] for frame in told)
    moved = await pair.connect(pair.well)
    async with asyncio.timeout(5):  # those that stay are closed
        await asyncio.gather(*(one.closed.wait() for one in sockets))
    assert {one.close_code for one in sockets} == {4503}
    assert not staying.closed.is_set() and not any(frame["op"] == "reconnect" for frame in staying.frames)
    assert not moved.closed.is_set()
    pair.proxy.thaw()
    pair.proxy.join()
    await eventually(lambda: pair.is_ready(pair.lone), "it is back", 40)
    await pair.connect(pair.lone)
