"""Many who ask at once are asked for together, and each gets an answer of its own, or what went wrong."""

import asyncio
from collections.abc import Mapping

import pytest

from tests.support.virtual_time import ticks
from warren.chassis.together import Together

KEYS, CALLS = 5, 3


class Server:
    """Notes what it is asked; answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self._answers: list[asyncio.Future[Mapping[str, str]]] = []
        self.together = Together(self._ask, keys=KEYS, calls=CALLS)

    async def _ask(self, keys: list[str]) -> Mapping[str, str]:
        self.asked.append(keys)
        answer: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        return await answer

    def of(self, *keys: str) -> list[asyncio.Task[str]]:
        return [asyncio.create_task(self.together.of(key)) for key in keys]

    async def answer(self, index: int) -> None:
        self._answers[index].set_result({key: f"of {key}" for key in self.asked[index]})
        await ticks()

    async def fail(self, index: int, error: Exception) -> None:
        self._answers[index].set_exception(error)
        await ticks()


@pytest.fixture
def server() -> Server:
    return Server()


async def test_who_comes_alone_asks_at_once(server: Server) -> None:
    [alone] = server.of("ann")
    await ticks()
    assert server.asked == [["ann"]]
    await server.answer(0)
    assert await alone == "of ann"


async def test_who_comes_in_the_same_tick_asks_together(server: Server) -> None:
    asking = server.of("ann", "bob", "ann")
    await ticks()
    assert server.asked == [["ann", "bob"]]
    await server.answer(0)
    assert [await task for task in asking] == ["of ann", "of bob", "of ann"]


async def test_a_storm_asks_in_calls_of_a_bounded_number_and_size(server: Server) -> None:
    users = [f"u{number}" for number in range((CALLS + 2) * KEYS)]
    asking = server.of(*users)
    await ticks()
    assert [len(asked) for asked in server.asked] == [KEYS] * CALLS
    for index in range(CALLS + 2):
        await server.answer(index)
    assert [await task for task in asking] == [f"of {user}" for user in users]
    assert [user for asked in server.asked for user in asked] == users


async def test_who_comes_while_they_are_asked_for_is_asked_for_again(server: Server) -> None:
    """What is out may have been answered before what this one has to know happened."""
    server.of("ann")
    await ticks()
    [later] = server.of("ann")
    await ticks()
    assert server.asked == [["ann"], ["ann"]]
    await server.answer(1)
    assert await later == "of ann"


async def test_a_call_that_fails_fails_for_its_own_only_and_the_next_goes_on(server: Server) -> None:
    [ann] = server.of("ann")
    await ticks()
    [bob] = server.of("bob")
    await ticks()
    await server.fail(0, ConnectionError("nobody there"))
    await server.answer(1)
    assert await bob == "of bob"
    with pytest.raises(ConnectionError, match="nobody there"):
        await ann
    [again] = server.of("ann")
    await ticks()
    await server.answer(2)
    assert await again == "of ann"


async def test_who_hangs_up_leaves_the_others_their_answer(server: Server) -> None:
    gone, here = server.of("ann", "ann")
    await ticks()
    gone.cancel()
    await ticks()
    await server.answer(0)
    assert await here == "of ann"
