"""Tests of this folder run in virtual time, and those of rooms on a bench."""

from collections.abc import AsyncIterator, Callable

import pytest

from tests.support.virtual_time import VirtualTimeLoop, ticks
from tests.unit.gateway.rooms.command_bench import CommandBench
from tests.unit.gateway.rooms.room_bench import RoomBench
from warren.chassis.lifecycle import Tasks


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], VirtualTimeLoop]]:
    return {"virtual": VirtualTimeLoop}


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    """Fails the test when a task failed."""
    made = Tasks()
    yield made
    failed = made.failed.done()
    await made.cancel_all()
    assert not failed, made.failed.result()


@pytest.fixture
def bench(tasks: Tasks) -> RoomBench:
    return RoomBench(tasks)


@pytest.fixture
async def commands(tasks: Tasks) -> AsyncIterator[CommandBench]:
    made = CommandBench(tasks)
    await made.sender.open(made.link.as_link, "gateway.g.1")
    await made.sender.start()
    await ticks()
    yield made
    await tasks.cancel_all()
