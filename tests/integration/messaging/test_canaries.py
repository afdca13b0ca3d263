"""Readiness names the partition that nobody serves, although every socket to the broker is well."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.conftest import StartProgram
from tests.support.calls import caller
from tests.support.processes import Program
from tests.support.spaces import Space
from tests.support.waiting import eventually
from warren.chassis.channel import Delivery, declare
from warren.contracts.topology import ROOMS_DEAD, partition_queue

MUTE = 2


class MuteOwner:
    """Consumes one partition before anybody else, and does nothing with what it gets, as a hanging instance would."""

    def __init__(self) -> None:
        self.got = asyncio.Event()
        self.leave = asyncio.Event()

    async def serve(self, space: Space, consuming: asyncio.Event) -> None:
        async with caller(space) as link:
            channel = await link.link.channel(confirms=False)
            await declare(channel, ROOMS_DEAD)
            await declare(channel, partition_queue(MUTE))
            await channel.basic_consume(partition_queue(MUTE).name, self._on_batch)
            consuming.set()
            await self.leave.wait()

    async def _on_batch(self, _delivery: Delivery) -> None:
        self.got.set()


@pytest.fixture
async def mute(space: Space) -> AsyncIterator[MuteOwner]:
    made, consuming = MuteOwner(), asyncio.Event()
    serving = asyncio.create_task(made.serve(space, consuming))
    async with asyncio.timeout(10):
        await consuming.wait()
    yield made
    made.leave.set()
    await serving


async def test_a_partition_that_nobody_serves_makes_messaging_unready_and_is_told_by_gateways(
    start: StartProgram, mute: MuteOwner
) -> None:
    messaging = start("messaging", wait=False)
    gateway = start("gateway")
    silent = f"partition {MUTE} has not answered yet"
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:

        async def told(program: Program, *texts: str) -> bool:
            """Is that the first thing that its report says of the partitions?"""
            try:
                answer = await http.get(f"{program.url}/health/ready")
            except httpx.TransportError:
                return False
            return bool(answer.json()["checks"]["partitions"]["text"].startswith(texts))

        async def status(program: Program) -> int:
            return (await http.get(f"{program.url}/health/ready")).status_code

        await eventually(lambda: told(messaging, f"PartitionSilent: {silent};"), "messaging names it", 20)
        await eventually(lambda: told(gateway, f"degraded: {silent};"), "the gateway names it", 20)
        async with asyncio.timeout(10):
            await mute.got.wait()
        assert (await status(messaging), await status(gateway)) == (503, 200)
        mute.leave.set()
        well = "messages came round through all 4 partitions"
        await eventually(lambda: told(messaging, well), "messaging took over", 20)
        await eventually(lambda: told(gateway, well), "the gateway had its answer", 20)
        assert (await status(messaging), await status(gateway)) == (200, 200)
