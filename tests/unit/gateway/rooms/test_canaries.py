"""What a gateway's health report says of the partitions."""

import asyncio
from typing import cast

import pytest

from services.gateway.rooms.canaries import OVERDUE_SECONDS, SEND_SECONDS, PartitionCanaries
from services.gateway.rooms.commands import CommandSender
from tests.support.virtual_time import pass_time
from tests.unit.gateway.rooms.room_bench import Owner
from warren.chassis.lifecycle import Tasks
from warren.contracts import rooms
from warren.contracts.errors import Code
from warren.contracts.ids import partition_of


class Bench:
    """Owners of two partitions that answer when they are told to."""

    def __init__(self, tasks: Tasks) -> None:
        self.owner = Owner()
        sender = cast(CommandSender, self.owner)
        self.canaries = PartitionCanaries(sender, 2, tasks, now=asyncio.get_running_loop().time)

    def answer(self, *, refused: bool = False) -> list[int]:
        """Answer what was asked. Returns the partitions that were."""
        asked = []
        for command in self.owner.commands:
            asked.append(partition_of(command.room, 2))
            late = rooms.Refused(command.ref, Code.DEADLINE_EXCEEDED, "no answer in time")
            self.owner.waiters.pop(command.ref)(late if refused else rooms.Stored(command.ref, 0, 0))
        self.owner.commands.clear()
        return asked


@pytest.fixture
async def bench(tasks: Tasks) -> Bench:
    made = Bench(tasks)
    await made.canaries.start()
    await pass_time(0)
    return made


async def test_all_is_well_once_every_partition_has_answered_and_as_long_as_it_does(bench: Bench) -> None:
    assert bench.canaries.figure().startswith("degraded: partition 0 has not answered yet")
    assert bench.answer() == [0, 1]
    assert bench.canaries.figure() == "messages came round through all 2 partitions"
    await pass_time(SEND_SECONDS)
    assert bench.answer() == [0, 1]


async def test_a_partition_that_falls_silent_is_named_until_it_answers(bench: Bench) -> None:
    bench.answer()
    await pass_time(SEND_SECONDS)
    [silent] = [command for command in bench.owner.commands if partition_of(command.room, 2) == 1]
    bench.owner.commands.remove(silent)
    bench.answer()
    await pass_time(OVERDUE_SECONDS + 1)
    assert bench.canaries.figure() == "degraded: partition 1 is silent for 6 s; messages to its rooms wait"
    bench.owner.waiters.pop(silent.ref)(rooms.Stored(silent.ref, 0, 0))
    assert not bench.canaries.figure().startswith("degraded")


async def test_a_canary_that_nobody_answered_in_time_is_followed_by_another(bench: Bench) -> None:
    bench.answer()
    await pass_time(SEND_SECONDS)
    assert bench.answer(refused=True) == [0, 1]
    await pass_time(SEND_SECONDS)
    assert bench.answer() == [0, 1]
    assert not bench.canaries.figure().startswith("degraded")


async def test_what_is_too_much_for_a_partition_is_not_made_more(bench: Bench) -> None:
    bench.answer()
    bench.owner.overloaded = True
    await pass_time(SEND_SECONDS + OVERDUE_SECONDS + 1)
    assert bench.canaries.figure().startswith("degraded: partition 0 is silent for")
    bench.owner.overloaded = False
    await pass_time(SEND_SECONDS)
    bench.answer()
    assert not bench.canaries.figure().startswith("degraded")
