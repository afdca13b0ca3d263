"""Who hears of a room: gateways that come, go and come back, while its owner changes."""

import asyncio

import pytest

from services.messaging.rooms.entries import Entry
from services.messaging.rooms.room import replay
from tests.unit.messaging.owner_bench import (
    GATEWAY,
    Instance,
    Log,
    MakeInstance,
    codes,
    post,
)
from warren.contracts import rooms
from warren.contracts.errors import Code
from warren.contracts.events import AnyNotice, PartitionTaken


async def test_a_gateway_that_is_gone_is_struck_off_and_does_not_come_back_with_the_next_load(
    one: Instance, instance: MakeInstance
) -> None:
    await one.carry_out(rooms.Listen(8, "r", "", 0), gateway="gone")
    one.owner.gateway_gone("gone")
    await one.carry_out(post("nonce-1"))
    assert "gone" not in one.parcels[-1]
    two = instance()
    await two.carry_out(post("nonce-2"))
    assert set(two.parcels[-1]) == {GATEWAY}


async def test_a_new_owner_tells_those_who_listened_to_the_old_one(one: Instance, instance: MakeInstance) -> None:
    two = instance()
    await two.carry_out(post("nonce-1"), gateway="asker")
    assert set(two.parcels[-1]) == {"asker", GATEWAY}


async def test_a_connection_lost_while_a_room_is_loaded_does_not_leave_it_without_listeners(
    one: Instance, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = log.tail
    lost = [one.owner.connection_lost]

    async def tail(room: str, count: int) -> list[Entry]:
        if lost:
            lost.pop()()
        return await right(room, count)

    monkeypatch.setattr(log, "tail", tail)
    one.cache.clear()
    await one.carry_out(post("nonce-1"), gateway="asker")
    await one.carry_out(post("nonce-2"), gateway="asker")
    assert set(one.parcels[-1]) == {GATEWAY, "asker"}


async def test_an_owner_that_gets_a_room_back_tells_those_who_came_to_listen_at_the_one_in_between(
    one: Instance, instance: MakeInstance
) -> None:
    """Nothing was stored that the log's key could refuse it for: the other one said that it owns the partition."""
    two = instance()
    await two.carry_out(rooms.Listen(8, "r", "", 0), gateway="other")
    one.hear(two.notices[0])
    await one.carry_out(post("nonce-1"))
    assert set(one.parcels[-1]) == {GATEWAY, "other"}
    assert one.cache._doubted == set()


async def test_an_owner_says_so_once_and_again_when_somebody_else_has_said_it_meanwhile(
    one: Instance, instance: MakeInstance
) -> None:
    def said() -> int:
        return sum(isinstance(notice, PartitionTaken) for notice in one.notices)

    two = instance()
    await one.carry_out(post("nonce-1"))
    one.hear(one.notices[0])
    await one.carry_out(post("nonce-2"))
    assert said() == 1
    await two.carry_out(post("nonce-3"))
    one.hear(two.notices[0])
    await one.carry_out(post("nonce-4"))
    assert said() == 2
    one.owner.connection_lost()
    await one.carry_out(post("nonce-5"))
    assert said() == 3


async def test_an_owner_says_so_before_it_answers_anything(one: Instance, instance: MakeInstance) -> None:
    two, told = instance(), []
    right = two.notify

    async def notify(notice: AnyNotice) -> None:
        told.append(len(two.parcels))
        await right(notice)

    two.owner._notify = notify
    await two.carry_out(rooms.Listen(8, "r", "", 0), gateway="other")
    assert told == [0]


async def test_who_came_to_listen_at_the_next_owner_is_told_what_the_one_before_it_still_writes(
    one: Instance, instance: MakeInstance
) -> None:
    """The log's key does not refuse it, since nothing was stored in between, and its canaries come too late."""
    two = instance()

    async def next_owner() -> None:
        [listening] = await two.carry_out(rooms.Listen(8, "r", "", 0), gateway="other")
        assert isinstance(listening, rooms.Listening) and listening.head == 3
        one.arrive(post("nonce-1"))

    one.when_cancelled = next_owner
    await one.owner.stop()
    assert set(one.parcels[-1]) == {GATEWAY, "other"}


async def test_who_comes_to_listen_at_an_owner_that_leaves_must_ask_the_next_one(
    one: Instance, instance: MakeInstance
) -> None:
    """The next owner has the room in memory by now, and would not tell them of anything."""
    two = instance()

    async def next_owner() -> None:
        await two.carry_out(post("nonce-1"))
        one.arrive(rooms.Listen(8, "r", "", 0), post("nonce-2"), gateway="other")

    one.when_cancelled = next_owner
    await one.owner.stop()
    answers = one.parcels[-1]["other"].answers
    assert codes(answers) == [Code.UNAVAILABLE]
    assert [answer.seq for answer in answers if isinstance(answer, rooms.Stored)] == [5]


async def test_an_owner_that_leaves_settles_nothing_until_it_knows_who_listens_elsewhere(one: Instance) -> None:
    async def redis_goes_away() -> None:
        one.arrive(post("nonce-1"))
        one.listeners.away = True

    settled = len(one.settled)
    one.when_cancelled = redis_goes_away
    stopping = asyncio.create_task(one.owner.stop())
    await asyncio.sleep(0.01)
    assert not stopping.done() and len(one.settled) == settled
    one.listeners.away = False
    await stopping
    assert len(one.settled) == settled + 1


async def test_a_listener_is_stored_before_the_cut_that_it_is_given_is_checked(
    one: Instance, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An owner that is leaving stores first and looks second: whichever is first, one of the two sees the other."""
    right = log.existing

    async def a_late_write(keys: list[tuple[str, int]]) -> set[str]:
        if len(log.of("r")) == 3:
            log.store(replay("r", log.of("r")).handle(post("nonce-late"), 5).entries)
            assert ("r", "other") in one.listeners._stored
        return await right(keys)

    monkeypatch.setattr(log, "existing", a_late_write)
    one.cache.clear()
    [listening] = await one.carry_out(rooms.Listen(8, "r", "", 0), gateway="other")
    assert isinstance(listening, rooms.Listening) and listening.head == 4


async def test_a_gateway_that_goes_and_comes_back_in_one_batch_is_known_to_the_next_owner(
    one: Instance, instance: MakeInstance
) -> None:
    await one.carry_out(rooms.Unlisten(8, "r", ""), rooms.Listen(9, "r", "", 0))
    two = instance()
    await two.carry_out(post("nonce-1"), gateway="asker")
    assert set(two.parcels[-1]) == {"asker", GATEWAY}
