"""A connection is tried again, whatever ends the try."""

import asyncio
from typing import NoReturn

import aio_pika
import pytest

from warren.chassis.broker import Broker
from warren.chassis.channel import QueueDiffers
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


@pytest.mark.parametrize(
    ("received", "current"),
    [("'20'", "'5'"), ("the value '20' of type 'long'", "the value '5' of type 'signedint'"), ("20", "5")],
)
def test_a_queue_of_another_version_is_named_with_what_differs(received: str, current: str) -> None:
    said = (
        "PRECONDITION_FAILED - inequivalent arg 'x-delivery-limit' for queue 'rooms.1' in vhost '/': "
        f"received {received} but current is {current}"
    )
    error = QueueDiffers("rooms.1", repr(said))
    assert "The queue rooms.1 is another version's: x-delivery-limit is 5 there, and this version needs 20." in str(
        error
    )
    assert QueueDiffers("rooms.1", said.replace(current, "none")).differs.startswith("x-delivery-limit is none there")
    assert QueueDiffers("rooms.1", "some other reason").differs == "some other reason"
