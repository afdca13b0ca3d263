"""Rooms change their owner on stop, death and frost: nothing is lost, stored twice, or out of order."""

import asyncio
import signal
import time
from collections.abc import Iterator

import pytest

from tests.conftest import StartProgram
from tests.integration.messaging.gateway import PARTITIONS, Gateway, check_events, check_log, gateway
from tests.support.processes import Program
from tests.support.spaces import Space
from tests.support.waiting import until
from warren.contracts import rooms
from warren.contracts.rooms import canary_room

FROZEN_SECONDS = 20
"""A frozen owner is replaced when its heartbeats have been missing for 10 to 15 s."""


@pytest.fixture(scope="module")
def instances(start: StartProgram) -> list[Program]:
    return [start("messaging", SERVER_ID=f"messaging-{number}", wait=False) for number in (1, 2)]


@pytest.fixture
def pair(instances: list[Program]) -> Iterator[list[Program]]:
    """Two instances, whatever the test before did to them."""
    for program in instances:
        if not program.is_running:
            program.start()
    yield [program.wait_ready() for program in instances]
    for program in instances:
        program.process.send_signal(signal.SIGCONT)


class Stream:
    """Posts one after the other to a room, a batch each, without waiting for answers."""

    def __init__(self, edge: Gateway, room: str) -> None:
        self.edge = edge
        self.room = room
        self.posts: list[rooms.Post] = []
        self._going = True
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        await self.edge.ask(self.edge.create(self.room), self.edge.listen(self.room))
        self._task = asyncio.create_task(self._post())
        await self.answered(20)

    async def _post(self) -> None:
        while self._going:
            post = self.edge.post(self.room, f"nonce-{len(self.posts):05}")
            self.posts.append(post)
            await self.edge.send(post)
            await asyncio.sleep(0.003)

    async def answered(self, more: int, seconds: float = 60) -> None:
        """Until the post `more` after the newest one is answered."""
        wanted = len(self.posts) + more
        async with asyncio.timeout(seconds):
            while len(self.posts) <= wanted:
                await asyncio.sleep(0.01)
            await self.edge.answer(self.posts[wanted].ref, seconds)

    async def end(self) -> list[int]:
        """The `seq` that each post was acknowledged with."""
        self._going = False
        assert self._task is not None
        await self._task
        found = []
        for post in self.posts:
            await self.edge.answer(post.ref)
            seqs = {answer.seq for answer in self.edge.answers(post.ref) if isinstance(answer, rooms.Stored)}
            assert len(seqs) == 1, f"{post.nonce}: {self.edge.answers(post.ref)}"
            found.append(seqs.pop())
        return found


def active(pair: list[Program], edge: Gateway) -> tuple[Program, Program]:
    """Who sent the last batch, and the other one."""
    one, two = pair
    return (one, two) if edge.sources[-1].startswith(one.server_id) else (two, one)


async def check_all(space: Space, stream: Stream) -> None:
    """Everything was acknowledged once, stored once in the order of sending, and told without a gap."""
    seqs = await stream.end()
    assert seqs == list(range(3, len(seqs) + 3)), "in the order of sending, without a gap"
    entries = check_log(space, stream.room)
    assert [entry["nonce"] for entry in entries[2:]] == [post.nonce for post in stream.posts]
    await stream.edge.until_event(stream.room, seqs[-1])
    check_events(stream.edge.events(stream.room))
    async with gateway(space) as other:
        for post in stream.posts[:: max(len(stream.posts) // 20, 1)]:
            assert await other.seqs(other.post(stream.room, post.nonce)) == [seqs[stream.posts.index(post)]]
    assert len(check_log(space, stream.room)) == len(entries)


async def test_instances_that_start_together_leave_all_partitions_to_one_of_them(
    pair: list[Program], edge: Gateway
) -> None:
    for partition in range(PARTITIONS):
        await edge.ask(rooms.Canary(edge.ref(), canary_room(partition, PARTITIONS), ""))
    assert len({batch.source for batch in edge.batches}) == 1


async def test_an_owner_that_is_killed_is_replaced_at_once(space: Space, pair: list[Program], edge: Gateway) -> None:
    stream = Stream(edge, "killed")
    await stream.begin()
    dying, heir = active(pair, edge)
    dying.kill()
    since = time.monotonic()
    await stream.answered(5)
    assert time.monotonic() - since < 5
    assert edge.sources[-1].startswith(heir.server_id)
    await check_all(space, stream)


async def test_an_owner_that_stops_hands_over(space: Space, pair: list[Program], edge: Gateway) -> None:
    stream = Stream(edge, "stopped")
    await stream.begin()
    leaving, heir = active(pair, edge)
    leaving.process.send_signal(signal.SIGTERM)
    since = time.monotonic()
    await stream.answered(5)
    assert time.monotonic() - since < 5
    assert await asyncio.to_thread(leaving.process.wait, 25) == 0
    await stream.answered(5)
    assert edge.sources[-1].startswith(heir.server_id)
    await check_all(space, stream)


async def test_owners_that_die_one_after_the_other_lose_nothing(
    space: Space, pair: list[Program], edge: Gateway
) -> None:
    stream = Stream(edge, "relay")
    await stream.begin()
    for _ in range(3):
        dying, _heir = active(pair, edge)
        dying.kill()
        dying.start()
        await stream.answered(5)
        await asyncio.to_thread(dying.wait_ready)
    await check_all(space, stream)


async def test_a_frozen_owner_is_replaced_and_when_it_wakes_up_the_log_refuses_what_it_still_had(
    space: Space, pair: list[Program], edge: Gateway
) -> None:
    stream = Stream(edge, "frozen")
    await stream.begin()
    frozen, heir = active(pair, edge)
    frozen.process.send_signal(signal.SIGSTOP)
    since = time.monotonic()
    await stream.answered(0, FROZEN_SECONDS + 5)
    assert time.monotonic() - since < FROZEN_SECONDS
    assert edge.sources[-1].startswith(heir.server_id)
    await stream.answered(50)

    def connections() -> int:
        return frozen.log.read_text().count("connected to RabbitMQ")

    before = connections()
    frozen.process.send_signal(signal.SIGCONT)
    await stream.answered(50)
    until(lambda: connections() > before, "the frozen one is back", 30, frozen.log_end)
    heir.kill()
    await stream.answered(5)
    await check_all(space, stream)
