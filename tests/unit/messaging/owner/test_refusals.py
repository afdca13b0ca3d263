"""What a room refused, and said so, stays refused by its nonce, whatever happens to its owner's memory before an entry
of the log says it."""

from collections.abc import Sequence

import pytest
from pymongo.errors import AutoReconnect

from services.messaging.rooms import cache
from services.messaging.rooms.entries import Entry
from services.messaging.store.runs import Conflict
from tests.unit.messaging.owner_bench import Instance, Log, MakeInstance, codes, create, post, seqs
from warren.contracts import rooms
from warren.contracts.errors import Code

REFUSED = post("nonce-x", user="eve")


async def refuse(owner: Instance) -> None:
    assert codes(await owner.carry_out(REFUSED)) == [Code.NOT_A_MEMBER]


async def check_that_it_stays_refused(owner: Instance, other: Instance) -> None:
    """Although she becomes a member; also at whoever owns the room then: a deposed owner that wakes up, say."""
    seqs(await owner.carry_out(rooms.SetMember(8, "r", "ann", "op-eve", "eve", "member")))
    assert codes(await owner.carry_out(REFUSED)) == [Code.NOT_A_MEMBER]
    assert codes(await other.carry_out(REFUSED)) == [Code.NOT_A_MEMBER]
    seqs(await owner.carry_out(post("nonce-y", user="eve")))


async def test_though_the_room_is_loaded_again_when_somebody_else_may_have_owned_it(
    one: Instance, instance: MakeInstance
) -> None:
    """A new owner doubts its rooms when its canary comes back."""
    await refuse(one)
    one.cache.doubt(lambda _room: True)
    await check_that_it_stays_refused(one, instance())


async def test_though_loading_it_fails_first(
    one: Instance, instance: MakeInstance, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    await refuse(one)
    one.cache.doubt(lambda _room: True)
    tail = log.tail
    failed: list[str] = []

    async def away(room: str, count: int) -> object:
        if not failed:
            failed.append(room)
            raise AutoReconnect("no primary")
        return await tail(room, count)

    monkeypatch.setattr(log, "tail", away)
    await check_that_it_stays_refused(one, instance())
    assert failed == ["r"]


@pytest.mark.parametrize("stored", [False, True])
async def test_though_the_write_that_would_have_said_it_fails(
    one: Instance, instance: MakeInstance, log: Log, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    """Before or after it was stored: the owner cannot know."""
    await refuse(one)
    append = log.append

    async def fail(entries: Sequence[Entry]) -> Conflict | None:
        monkeypatch.setattr(log, "append", append)
        if stored:
            await append(entries)
        raise AutoReconnect("no primary")

    monkeypatch.setattr(log, "append", fail)
    seqs(await one.carry_out(post("nonce-1")))
    await check_that_it_stays_refused(one, instance())


async def test_though_the_log_went_on_without_its_owner(one: Instance, instance: MakeInstance) -> None:
    await refuse(one)
    seqs(await instance().carry_out(post("nonce-1")))
    seqs(await one.carry_out(post("nonce-2")))
    await check_that_it_stays_refused(one, instance())


async def test_though_the_room_had_to_make_way_in_memory(
    one: Instance, instance: MakeInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "ROOMS_IN_MEMORY", 1)
    await refuse(one)
    await one.carry_out(create("other"))
    assert "r" not in one.cache
    await check_that_it_stays_refused(one, instance())


async def test_but_not_when_nobody_was_told_and_the_room_knows_better_by_then(
    one: Instance, instance: MakeInstance
) -> None:
    """Refused by what a deposed owner believed; the log went on, so it decides again."""
    await one.carry_out(post("nonce-1"))
    await instance().carry_out(rooms.SetMember(8, "r", "ann", "op-eve", "eve", "member"))
    seqs(await one.carry_out(REFUSED))
