"""Many sockets that come in at once ask for their rooms together, and each gets an answer of its own or is refused."""

import asyncio
from typing import cast

import pytest

from services.gateway.rooms.memberships import CALLS_AT_ONCE, USERS_AT_ONCE, Memberships
from tests.support.virtual_time import ticks
from warren.chassis.lifecycle import Tasks
from warren.chassis.rpc import RpcClient
from warren.contracts import rooms
from warren.contracts.errors import Code, Refusal


class Messaging:
    """Notes what it is asked; answers when it is told to."""

    def __init__(self, tasks: Tasks) -> None:
        self.asked: list[list[str]] = []
        self._answers: list[asyncio.Future[rooms.RoomIds]] = []
        self.memberships = Memberships(cast(RpcClient, self), tasks)

    async def call(self, _method: object, request: rooms.RoomsOf) -> rooms.RoomIds:
        self.asked.append(request.users)
        answer: asyncio.Future[rooms.RoomIds] = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        return await answer

    def of(self, *users: str) -> list[asyncio.Task[list[str]]]:
        return [asyncio.create_task(self.memberships.of(user)) for user in users]

    async def answer(self, index: int) -> None:
        found = {user: [f"room of {user}"] for user in self.asked[index] if user != "lonely"}
        self._answers[index].set_result(rooms.RoomIds(found))
        await ticks()

    async def fail(self, index: int, error: Exception) -> None:
        self._answers[index].set_exception(error)
        await ticks()


@pytest.fixture
async def messaging(tasks: Tasks) -> Messaging:
    return Messaging(tasks)


def names(first: int, last: int) -> list[str]:
    return [f"u{number}" for number in range(first, last)]


async def test_who_comes_alone_asks_at_once_and_who_is_in_no_room_gets_none(messaging: Messaging) -> None:
    [lonely] = messaging.of("lonely")
    await ticks()
    assert messaging.asked == [["lonely"]]
    await messaging.answer(0)
    assert await lonely == []


async def test_who_comes_in_the_same_tick_asks_together(messaging: Messaging) -> None:
    asking = messaging.of("ann", "bob", "ann")
    await ticks()
    assert messaging.asked == [["ann", "bob"]]
    await messaging.answer(0)
    assert [await task for task in asking] == [["room of ann"], ["room of bob"], ["room of ann"]]


async def test_a_storm_asks_in_calls_of_a_bounded_number_and_size(messaging: Messaging) -> None:
    users = names(0, (CALLS_AT_ONCE + 2) * USERS_AT_ONCE)
    asking = messaging.of(*users)
    await ticks()
    assert [len(asked) for asked in messaging.asked] == [USERS_AT_ONCE] * CALLS_AT_ONCE
    for index in range(CALLS_AT_ONCE + 2):
        await messaging.answer(index)
    assert [await task for task in asking] == [[f"room of {user}"] for user in users]
    assert [user for asked in messaging.asked for user in asked] == users


async def test_who_comes_while_they_are_asked_for_is_asked_for_again(messaging: Messaging) -> None:
    """The call that is out may have been answered before a room was joined that this socket has to have."""
    messaging.of("ann")
    await ticks()
    [later] = messaging.of("ann")
    await ticks()
    assert messaging.asked == [["ann"], ["ann"]]
    await messaging.answer(1)
    assert await later == ["room of ann"]


async def test_a_call_that_is_refused_refuses_its_own_users_only(messaging: Messaging) -> None:
    [ann] = messaging.of("ann")
    await ticks()
    [bob] = messaging.of("bob")
    await ticks()
    await messaging.fail(0, Refusal(Code.UNAVAILABLE, "nobody there"))
    await messaging.answer(1)
    assert await bob == ["room of bob"]
    with pytest.raises(Refusal, match="nobody there"):
        await ann


async def test_who_hangs_up_leaves_the_others_their_answer(messaging: Messaging) -> None:
    gone, here = messaging.of("ann", "ann")
    await ticks()
    gone.cancel()
    await ticks()
    await messaging.answer(0)
    assert await here == ["room of ann"]
