"""A partition's queue has a bound: the broker refuses what is above it, and forgets nothing that it took."""

import asyncio

from pamqp.commands import Basic

from tests.support.calls import caller
from tests.support.spaces import Space
from warren.chassis.channel import Delivery, Rejected, declare, publish
from warren.contracts.topology import PARTITION_BATCHES, ROOMS_DEAD, partition_queue

PERSISTENT = Basic.Properties(delivery_mode=2)
ABOVE = 200
AT_ONCE = 250
SLACK = 100
"""A quorum queue may take a few more before it says no: its refusal follows its own log."""


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
        for begin in range(0, PARTITION_BATCHES + ABOVE, AT_ONCE):
            count = min(AT_ONCE, PARTITION_BATCHES + ABOVE - begin)
            taken += await asyncio.gather(*(put(begin + number) for number in range(count)))
        kept = [number for number, was_taken in enumerate(taken) if was_taken]
        assert PARTITION_BATCHES <= len(kept) <= PARTITION_BATCHES + SLACK
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
