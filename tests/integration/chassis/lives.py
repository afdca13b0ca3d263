"""An instance of the service `lives`: nothing but a connection and the answering end of calls."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tests.support.spaces import Space
from warren.chassis.broker import Broker
from warren.chassis.lifecycle import Tasks
from warren.chassis.rpc_server import RpcServer


@asynccontextmanager
async def living(space: Space, prepare: Callable[[RpcServer], None] = lambda _server: None) -> AsyncIterator[RpcServer]:
    """`prepare` says what it answers."""
    tasks = Tasks()
    broker = Broker(space.rabbitmq_url, "lives-1", tasks)
    server = RpcServer("lives", "lives-1", broker, tasks)
    prepare(server)
    async with asyncio.timeout(10):
        await broker.start()
    try:
        yield server
    finally:
        await broker.stop()
        await tasks.cancel_all()
