"""Start inward-out, stop outward-in, whatever fails on the way."""

import asyncio
import os
import signal

import pytest

from tests.support.virtual_time import ticks
from warren.chassis import lifecycle
from warren.chassis.lifecycle import STOP_SECONDS, Tasks, run


class Part:
    """Writes down what happens to it. `waits`: never finishes its start; `hangs`: never finishes its stop."""

    def __init__(
        self, name: str, story: list[str], *, waits: bool = False, hangs: bool = False, breaks: bool = False
    ) -> None:
        self.name, self.story = name, story
        self.waits, self.hangs, self.breaks = waits, hangs, breaks

    async def start(self) -> None:
        self.story.append(f"{self.name} starts")
        if self.waits:
            await asyncio.get_running_loop().create_future()

    async def stop(self) -> None:
        self.story.append(f"{self.name} stops")
        if self.hangs:
            await asyncio.sleep(1_000)
        if self.breaks:
            raise RuntimeError("broken")


async def life(story: list[str], *parts: Part, ended_by: str = "signal") -> int:
    tasks = Tasks()

    async def stopping() -> None:
        story.append("stopping")

    async def fail() -> None:
        raise RuntimeError("a bug")

    running = asyncio.create_task(run("test", tasks, parts, stopping))
    await ticks()
    if ended_by == "signal":
        os.kill(os.getpid(), signal.SIGTERM)
    else:
        tasks.spawn("buggy", fail())
    return await running


async def test_parts_start_in_order_and_stop_in_reverse() -> None:
    story: list[str] = []
    code = await life(story, Part("a", story), Part("b", story))
    assert story == ["a starts", "b starts", "stopping", "b stops", "a stops"]
    assert code == 0


async def test_a_signal_interrupts_a_start_that_waits() -> None:
    story: list[str] = []
    code = await life(story, Part("a", story), Part("b", story, waits=True), Part("c", story))
    assert story == ["a starts", "b starts", "stopping", "b stops", "a stops"]
    assert code == 0


async def test_a_task_that_fails_ends_the_service_in_order_with_code_1() -> None:
    story: list[str] = []
    code = await life(story, Part("a", story), ended_by="failure")
    assert story == ["a starts", "stopping", "a stops"]
    assert code == 1


async def test_a_part_that_fails_to_stop_does_not_keep_the_others_from_it() -> None:
    story: list[str] = []
    code = await life(story, Part("a", story), Part("b", story, breaks=True))
    assert story[-2:] == ["b stops", "a stops"]
    assert code == 0


async def test_a_stop_that_takes_too_long_is_cut_short_with_code_1() -> None:
    story: list[str] = []
    before = asyncio.get_running_loop().time()
    code = await life(story, Part("a", story), Part("b", story, hangs=True))
    assert asyncio.get_running_loop().time() - before == pytest.approx(STOP_SECONDS, abs=0.1)
    assert story[-1] == "b stops"
    assert code == 1


async def test_a_task_that_lost_its_cancellation_is_asked_again() -> None:
    tasks = Tasks()
    asked = 0

    async def stubborn() -> None:
        nonlocal asked
        while asked < 2:
            try:
                await asyncio.sleep(1_000)
            except asyncio.CancelledError:
                asked += 1

    task = tasks.spawn("stubborn", stubborn())
    await ticks()
    await tasks.cancel(task, None)
    assert task.done() and asked == 2
    assert lifecycle.CANCEL_AGAIN_SECONDS < 1


async def test_a_cancelled_task_is_no_failure() -> None:
    tasks = Tasks()
    task = tasks.spawn("waits", asyncio.sleep(1_000))
    await tasks.cancel(task)
    await tasks.cancel_all()
    assert not tasks.failed.done()
