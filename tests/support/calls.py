"""The gateway's end of RPC, for tests that call a service over the real broker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.support.spaces import Space
from warren.chassis.broker import Broker, Link
from warren.chassis.lifecycle import Tasks
from warren.chassis.rpc_client import RpcClient


@dataclass(frozen=True)
class Caller:
    """A client, and the link of its connection for channels of the test's own."""

    rpc: RpcClient
    link: Link


@asynccontextmanager
async def caller(space: Space) -> AsyncIterator[Caller]:
    tasks = Tasks()
    broker = Broker(space.rabbitmq_url, "test", tasks)
    rpc = RpcClient(broker)
    links: list[Link] = []

    async def remember(link: Link) -> None:
        links.append(link)

    broker.on_connect(remember)
    await broker.start()
    try:
        yield Caller(rpc, links[0])
    finally:
        await broker.stop()
        await tasks.cancel_all()
