"""What a write waits for before it takes what has arrived."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from pamqp.commands import Basic

from services.messaging.rooms.consumer import PartitionConsumer, Stream
from tests.unit.messaging.owner_bench import GATEWAY, Instance, Log, create, post
from warren.chassis.channel import Delivery
from warren.chassis.lifecycle import Tasks
from warren.contracts import rooms
from warren.contracts.codec import encode

LONG = 60.0


class Arrivals:
    """A consumer, and what the broker would hand to it."""

    def __init__(self) -> None:
        self.consumer = PartitionConsumer("messaging-1", 4)
        self._tag = 0

    async def come(self, *streams: Stream, tries: int = 0) -> None:
        for gateway, partition in streams:
            self._tag += 1
            batch = rooms.CommandBatch(gateway, partition, self._tag, [rooms.Canary(partition, "room", "")])
            header = SimpleNamespace(properties=SimpleNamespace(headers={"x-delivery-count": tries}))
            frame = Basic.Deliver("tag", self._tag, False, "", "")
            delivery: Any = SimpleNamespace(body=encode(batch), header=header, delivery=frame)
            await self.consumer._on_batch(cast(Delivery, delivery))

    def take(self, *expected: Stream, seconds: float = LONG) -> asyncio.Task[list[Stream]]:
        async def streams() -> list[Stream]:
            return [arrived.stream for arrived in await self.consumer.take(expected, seconds)]

        return asyncio.create_task(streams())


async def turn() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_write_takes_what_has_arrived_when_nobody_is_expected() -> None:
    arrivals = Arrivals()
    await arrivals.come(("a", 0))
    assert await arrivals.take() == [("a", 0)]


async def test_a_write_waits_for_all_that_the_last_one_answered_and_takes_the_others_too() -> None:
    arrivals = Arrivals()
    taking = arrivals.take(("a", 0), ("b", 1))
    for stream in (("c", 2), ("a", 0), ("a", 0)):
        await arrivals.come(stream)
        await turn()
        assert not taking.done()
    await arrivals.come(("b", 1))
    assert await taking == [("c", 2), ("a", 0), ("a", 0), ("b", 1)]


async def test_what_arrives_is_left_alone_until_the_pause_is_over() -> None:
    arrivals = Arrivals()
    await arrivals.come(("a", 0))
    taking = asyncio.create_task(arrivals.consumer.take(pause=LONG))
    await turn()
    assert not taking.done()
    taking.cancel()
    await arrivals.come(("b", 0))
    assert [arrived.stream for arrived in await arrivals.consumer.take(pause=0.001)] == [("a", 0), ("b", 0)]


async def test_who_stays_silent_is_not_waited_for_longer_than_allowed() -> None:
    arrivals = Arrivals()
    await arrivals.come(("a", 0))
    assert await arrivals.take(("a", 0), ("gone", 1), seconds=0.01) == [("a", 0)]
    await arrivals.come(("a", 0))
    assert await arrivals.take(("a", 0)) == [("a", 0)], "nothing is left of the wait before"


async def test_nothing_is_taken_before_something_has_arrived_however_long_that_takes() -> None:
    arrivals = Arrivals()
    taking = arrivals.take(("a", 0), seconds=0.001)
    await asyncio.sleep(0.005)
    assert not taking.done()
    await arrivals.come(("b", 0))
    assert await taking == [("b", 0)]


async def test_suspects_are_tried_one_by_one_without_waiting_for_anybody() -> None:
    arrivals = Arrivals()
    await arrivals.come(("a", 0), tries=19)
    assert await arrivals.take(("b", 1)) == [("a", 0)]


async def test_after_several_commands_their_gateway_is_expected_to_have_more() -> None:
    tasks = Tasks()
    instance = Instance(Log(), set(), tasks)
    instance.owner._running = [
        tasks.spawn("write", instance.owner._write_forever()),
        tasks.spawn("settle", instance.owner._settle_forever()),
    ]
    await instance.carry_out(create("r", "bob"))
    await instance.carry_out(post("n1"), post("n2"))
    await turn()
    await tasks.cancel_all()
    assert {gateway for gateway, _ in instance.expected} == {GATEWAY}
