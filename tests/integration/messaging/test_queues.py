"""Queues of another version: the error says what differs and what to do, and one command mends it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.conftest import StartProgram
from tests.support.calls import Caller, caller
from tests.support.servers import PROJECT
from tests.support.spaces import Space
from tests.support.waiting import eventually
from warren.chassis.channel import Delivery, declare, publish
from warren.contracts.topology import ROOMS_DEAD, Queue, partition_queue

OLD_LIMIT = 5


def of_another_version(queue: Queue) -> Queue:
    return Queue(queue.name, queue.arguments | {"x-delivery-limit": OLD_LIMIT})


@pytest.fixture
async def broker(space: Space) -> AsyncIterator[Caller]:
    """Without any queue to begin with."""
    async with caller(space) as link:
        channel = await link.link.channel()
        for queue in (ROOMS_DEAD, *(partition_queue(partition) for partition in range(6))):
            await channel.queue_delete(queue.name)
        yield link


async def queues(space: Space, action: str) -> "subprocess.CompletedProcess[str]":
    """`python -m services.messaging queues`"""
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "services.messaging", "queues", action],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], **space.environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


async def test_messaging_waits_and_says_which_queue_differs_until_the_command_has_renewed_it(
    space: Space, broker: Caller, start: StartProgram
) -> None:
    channel = await broker.link.channel()
    await declare(channel, of_another_version(partition_queue(1)))
    await publish(channel, partition_queue(1).name, b"of the other version")
    messaging = start("messaging", wait=False)
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:

        async def says_why() -> bool:
            try:
                report = (await http.get(f"{messaging.url}/health/ready")).json()
            except httpx.TransportError:
                return False
            return "The queue messaging.rooms.1 is another version's" in report["checks"]["rabbitmq"]["text"]

        await eventually(says_why, "the health report names the queue", 20)
    logged = messaging.log.read_text()
    for word in ("x-delivery-limit is 5 there", "this version needs 20", "queues renew"):
        assert word in logged, messaging.log_end()
    listed = await queues(space, "list")
    assert listed.returncode == 1 and "messaging.rooms.1 (1 messages, 0 consumers): x-delivery" in listed.stdout
    renewed = await queues(space, "renew")
    assert renewed.returncode == 0, renewed.stderr
    assert "removed messaging.rooms.1 with 1 command batches" in renewed.stdout
    await asyncio.to_thread(messaging.wait_ready)
    assert (await queues(space, "list")).stdout == "The queues are as they should be.\n"
    assert await asyncio.to_thread(messaging.stop) == 0


async def test_partitions_that_there_are_no_more_are_removed(space: Space, broker: Caller) -> None:
    channel = await broker.link.channel()
    for partition in range(6):
        await declare(channel, partition_queue(partition))
    assert "messaging.rooms.5 (0 messages, 0 consumers): left over" in (await queues(space, "list")).stdout
    done = await queues(space, "renew")
    assert done.returncode == 0 and "removed messaging.rooms.4" in done.stdout and "rooms.3" not in done.stdout
    assert (await queues(space, "list")).returncode == 0


async def test_what_is_in_use_and_dead_letters_are_left_alone(space: Space, broker: Caller) -> None:
    channel = await broker.link.channel()
    for queue in (ROOMS_DEAD, partition_queue(0)):
        await declare(channel, of_another_version(queue))
    await publish(channel, ROOMS_DEAD.name, b"a letter")

    async def ignore(_delivery: Delivery) -> None: ...

    await channel.basic_consume(partition_queue(0).name, ignore)
    done = await queues(space, "renew")
    assert done.returncode == 1 and done.stdout == ""
    assert "messaging.rooms.dead stays: it holds 1 dead letters" in done.stderr
    assert "messaging.rooms.0 stays: 1 instances consume it" in done.stderr
