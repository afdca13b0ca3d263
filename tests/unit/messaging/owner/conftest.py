"""Owners around one log."""

from collections.abc import AsyncIterator

import pytest

from services.messaging.rooms import rounds as module
from tests.unit.messaging.owner_bench import Instance, Log, MakeInstance, check_log, create
from warren.chassis.lifecycle import Tasks
from warren.contracts import rooms


@pytest.fixture
async def log() -> Log:
    return Log()


@pytest.fixture
async def instance(log: Log, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeInstance]:
    """Instances that share the log and what Redis knows."""
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.001)
    stored: set[tuple[str, str]] = set()
    tasks = Tasks()
    made: list[Instance] = []

    def make() -> Instance:
        new = Instance(log, stored, tasks)
        new.owner._running = [
            tasks.spawn("write", new.owner._write_forever()),
            tasks.spawn("settle", new.owner._settle_forever()),
        ]
        made.append(new)
        return new

    yield make
    failed = tasks.failed.done()
    await tasks.cancel_all()
    assert not failed, tasks.failed.result()
    check_log(log)


@pytest.fixture
async def one(instance: MakeInstance) -> Instance:
    made = instance()
    await made.carry_out(create("r", "bob"), rooms.Listen(2, "r", "", 0))
    return made
