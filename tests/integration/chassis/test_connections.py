"""Connections to RabbitMQ: each is set up by itself, whatever became of the one before."""

import asyncio
from urllib.parse import quote

import pytest

from tests.integration.chassis.lives import living
from tests.support.calls import caller
from tests.support.spaces import Space
from tests.support.waiting import eventually
from warren.chassis import broker
from warren.chassis.broker import Broker, Link
from warren.chassis.channel import Unroutable, declare, publish
from warren.chassis.lifecycle import Tasks
from warren.contracts.topology import Queue, rpc_queue


async def test_a_set_up_that_hangs_is_given_up_and_tried_on_a_new_connection(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it does at a node that waits for another one which is down."""
    monkeypatch.setattr(broker, "SETUP_SECONDS", 0.3)
    links: list[Link] = []

    async def hang_at_first(link: Link) -> None:
        links.append(link)
        if len(links) == 1:
            await asyncio.Event().wait()

    tasks = Tasks()
    made = Broker(space.rabbitmq_url, "test-1", tasks)
    made.on_connect(hang_at_first)
    async with asyncio.timeout(10):
        await made.start()
    assert len(links) == 2
    assert links[0].closed
    await made.stop()
    await tasks.cancel_all()


async def test_an_instance_is_back_while_the_broker_still_holds_its_former_connection(space: Space) -> None:
    """So it is after the death of a node: the others know what was connected to it, until they delete all that."""
    async with living(space) as former, living(space) as back:
        await former.canary()
        await back.canary()


async def test_the_queue_of_a_service_that_is_gone_goes_too_so_that_calls_fail_at_once(space: Space) -> None:
    queue = rpc_queue("lived")
    async with caller(space) as link:
        channel = await link.link.channel()
        await declare(channel, Queue(queue.name, queue.arguments | {"x-expires": 100}))
        await publish(channel, queue.name, b"", mandatory=True)

        async def is_gone() -> bool:
            """Asked elsewhere: who publishes in the moment of its removal loses the connection."""
            return await asyncio.to_thread(_status, space, queue.name) == 404

        await eventually(is_gone, "the broker has removed it; it looks every 5 s", 20)
        with pytest.raises(Unroutable):
            await publish(channel, queue.name, b"", mandatory=True)


def _status(space: Space, queue: str) -> int:
    with space.rabbitmq_api() as api:
        return api.get(f"/api/queues/{quote(space.vhost, safe='')}/{queue}").status_code
