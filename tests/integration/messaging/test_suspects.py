"""A command that kills its owners goes to the dead letters alone: what was held together with it is carried out."""

import asyncio

from services.messaging.rooms.consumer import PartitionConsumer
from tests.support.calls import caller
from tests.support.spaces import Space
from warren.chassis.channel import declare, publish
from warren.contracts.codec import decode, encode
from warren.contracts.rooms import CommandBatch, Typing
from warren.contracts.topology import PARTITION_DELIVERY_LIMIT, ROOMS_DEAD, partition_queue

KILLER = "gateway.killer"
INNOCENT = [f"gateway.{number}" for number in range(12)]
QUIET_SECONDS = 1.0


def batch(gateway: str, number: int) -> bytes:
    return encode(CommandBatch(gateway, 0, number, [Typing(number, "lunch", "ann", True)]))


async def live_and_die(space: Space, settled: list[tuple[str, int]]) -> bool:
    """An owner that carries out what comes until it meets the killer. False: it did not, and nothing comes any more."""
    async with caller(space) as link:
        consumer = PartitionConsumer("messaging-1", 1)
        await consumer.consume(link.link)
        while True:
            try:
                async with asyncio.timeout(QUIET_SECONDS):
                    taken = await consumer.take()
            except TimeoutError:
                return False
            if any(arrived.batch.gateway == KILLER for arrived in taken):
                return True
            await consumer.settle(taken)
            settled += [(arrived.batch.gateway, arrived.batch.number) for arrived in taken]


async def test_only_the_killer_goes_to_the_dead_letters(space: Space) -> None:
    settled: list[tuple[str, int]] = []
    async with caller(space) as link:
        channel = await link.link.channel()
        await declare(channel, ROOMS_DEAD)
        await declare(channel, partition_queue(0))
        sent = [(gateway, number) for number in (1, 2) for gateway in INNOCENT]
        for gateway, number in [*sent[:12], (KILLER, 1), *sent[12:]]:
            await publish(channel, partition_queue(0).name, batch(gateway, number), mandatory=True)
        deaths = 0
        while await live_and_die(space, settled):
            deaths += 1
        assert deaths == PARTITION_DELIVERY_LIMIT + 1
        assert sorted(settled) == sorted(sent), "each once, and none among the dead letters"
        for gateway in INNOCENT:
            assert [number for of, number in settled if of == gateway] == [1, 2], "in the order of their gateway"
        letter = await channel.basic_get(ROOMS_DEAD.name, no_ack=True)
        assert decode(letter.body, CommandBatch).gateway == KILLER
        assert (await channel.basic_get(ROOMS_DEAD.name, no_ack=True)).delivery_tag is None
