"""A connection is tried again, whatever ends the try."""

import asyncio
from typing import NoReturn

import aio_pika
import pytest

from warren.chassis.broker import Broker
from warren.chassis.lifecycle import Tasks


async def test_a_broker_that_closes_before_its_first_frame_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a proxy does whose broker is not there yet: the AMQP client raises StopAsyncIteration then."""
    tries, third = 0, asyncio.Event()

    async def connect(*_arguments: object, **_named: object) -> NoReturn:
        nonlocal tries
        tries += 1
        if tries == 3:
            third.set()
        raise StopAsyncIteration

    monkeypatch.setattr(aio_pika, "connect", connect)
    tasks = Tasks()
    broker = Broker("amqp://127.0.0.1/", "test-1", tasks)
    starting = asyncio.create_task(broker.start())
    async with asyncio.timeout(10):
        await third.wait()
    assert not tasks.failed.done()
    starting.cancel()
    await broker.stop()
