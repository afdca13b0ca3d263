"""A partition's queue has a bound: the broker refuses what is above it, and forgets nothing that it took."""

import asyncio

from pamqp.commands import Basic

from tests.support.calls import caller
from tests.support.spaces import Space
from warren.chassis.channel import Delivery, Rejected, declare, publish
from warren.contracts.topology import PARTITION_BATCHES, ROOMS_DEAD, partition_queue

PERSISTENT = Basic.Properties(delivery_mode=2)
AT_ONCE = 250
"""Publishes on their way together. A quorum queue tells the channels that it is full once its log has carried the entry
that filled it, so it takes what was on its way by then, and that is all."""


async def test_a_full_partition_refuses_more_and_keeps_what_it_has(space: Space) -> None:
    """Nobody consumes. Gateways turn the refusal into `overloaded` with a time to retry."""
    queue = partition_queue(0)
    async with caller(space) as link:
        channel = await link.link.channel()
        await declare(channel, ROOMS_DEAD)
        await declare(channel, queue)

        async def put(number: int) -> bool:
            try:
                await publish(channel, queue.name, str(number).encode(), mandatory=True, properties=PERSISTENT)
            except Rejected:
                return False
            return True

        taken: list[bool] = []
        for begin in range(0, PARTITION_BATCHES + 3 * AT_ONCE, AT_ONCE):
            taken += await asyncio.gather(*(put(begin + number) for number in range(AT_ONCE)))
        kept = [number for number, was_taken in enumerate(taken) if was_taken]
        assert PARTITION_BATCHES <= len(kept) <= PARTITION_BATCHES + AT_ONCE
        assert not await put(-1), "one more is refused too"
        found: list[int] = []
        all_here = asyncio.Event()

        async def on_delivery(delivery: Delivery) -> None:
            found.append(int(delivery.body))
            if len(found) == len(kept):
                all_here.set()

        reader = await link.link.channel(confirms=False)
        await reader.basic_consume(queue.name, on_delivery, no_ack=True)
        async with asyncio.timeout(30):
            await all_here.wait()
        assert found == kept, "in order, and nothing that was taken is lost"
        assert await put(-1), "there is room again"
