"""A room is opened when somebody needs it, whatever its owner says, and let go when nobody does."""

import asyncio

import pytest

from services.gateway.rooms.in_step import RETRY_SECONDS
from services.gateway.rooms.local_rooms import LINGER_SECONDS, UNLISTEN_AGAIN_SECONDS
from tests.support.virtual_time import pass_time, ticks
from tests.unit.gateway.rooms.room_bench import ROOM, FakeSocket, RoomBench
from warren.contracts import rooms
from warren.contracts.errors import Code, Refusal
from warren.contracts.events import RoomEvents


async def test_sockets_that_open_a_room_at_once_ask_its_owner_once(bench: RoomBench) -> None:
    opening = [asyncio.create_task(bench.rooms.live(ROOM)) for _ in range(5)]
    await ticks()
    assert len(bench.owner.listens) == 1
    bench.owner.answer()
    assert len(set(await asyncio.gather(*opening))) == 1


async def test_a_room_that_does_not_exist_is_refused_and_forgotten(bench: RoomBench) -> None:
    opening = asyncio.create_task(bench.rooms.live(ROOM))
    await ticks()
    bench.owner.refuse(Code.NOT_FOUND)
    with pytest.raises(Refusal) as caught:
        await opening
    assert caught.value.code is Code.NOT_FOUND
    assert len(bench.rooms) == 0


@pytest.mark.parametrize("code", [Code.OVERLOADED, Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED])
async def test_an_owner_that_cannot_answer_now_is_asked_again(bench: RoomBench, code: Code) -> None:
    opening = asyncio.create_task(bench.rooms.live(ROOM))
    await ticks()
    bench.owner.refuse(code)
    await pass_time(RETRY_SECONDS)
    assert len(bench.owner.listens) == 2
    bench.owner.answer()
    assert (await opening).head == 10


async def test_a_full_sender_is_asked_again(bench: RoomBench) -> None:
    bench.owner.overloaded = True
    opening = asyncio.create_task(bench.rooms.live(ROOM))
    await pass_time(RETRY_SECONDS / 2)
    bench.owner.overloaded = False
    await pass_time(RETRY_SECONDS)
    bench.owner.answer()
    assert (await opening).head == 10


async def test_an_event_that_overtakes_the_answer_that_opens_its_room_follows_it(bench: RoomBench) -> None:
    """It comes from an owner that is leaving, the answer from the next one, whose cut may be before it or after."""
    ann = FakeSocket("ann")
    opening = asyncio.create_task(bench.rooms.live(ROOM))
    await ticks()
    bench.happen()
    cut = bench.owner.listening(bench.owner.listens[-1])
    bench.happen()
    bench.owner.waiters.popitem()[1](cut)
    room = await opening
    assert (cut.head, room.head, room.held) == (11, 12, [])
    bench.rooms.audience.join(room, ann.as_connection, 9)
    assert ann.seqs == [10, 11, 12]


# Letting go


async def test_a_room_that_nobody_needs_is_kept_a_while_for_reconnects_and_then_let_go(bench: RoomBench) -> None:
    ann = await bench.socket("ann")
    bench.rooms.audience.left(ann.as_connection)
    await pass_time(LINGER_SECONDS - 1)
    assert len(bench.rooms) == 1
    back = await bench.socket("ann", 10)
    await pass_time(2)
    assert len(bench.rooms) == 1 and bench.owner.unlistens == 0
    bench.rooms.audience.left(back.as_connection)
    await pass_time(LINGER_SECONDS)
    assert len(bench.rooms) == 0 and bench.owner.unlistens == 1


async def test_a_room_is_kept_for_the_while_from_when_the_last_one_went(bench: RoomBench) -> None:
    for _ in range(2):
        ann = await bench.socket("ann")
        bench.rooms.audience.left(ann.as_connection)
        await pass_time(LINGER_SECONDS - 1)
    assert len(bench.rooms) == 1
    await pass_time(1)
    assert len(bench.rooms) == 0


async def test_a_room_is_not_let_go_in_the_middle_of_a_repair(bench: RoomBench) -> None:
    ann = await bench.socket("ann")
    bench.rooms.audience.left(ann.as_connection)
    await pass_time(LINGER_SECONDS - 1)
    bench.rooms.repair(lambda _room: True)
    await pass_time(2)
    assert bench.owner.unlistens == 0
    await bench.catch_up()
    await pass_time(LINGER_SECONDS)
    assert bench.owner.unlistens == 1


async def test_events_of_an_unknown_room_make_one_unlisten_until_the_owner_has_had_time_to_hear_it(
    bench: RoomBench,
) -> None:
    for seq in range(5):
        bench.rooms.on_events(RoomEvents("old", [rooms.RoomEvent(seq, b"{}")]))
    assert bench.owner.unlistens == 1
    await pass_time(UNLISTEN_AGAIN_SECONDS)
    bench.rooms.on_events(RoomEvents("old", [rooms.RoomEvent(6, b"{}")]))
    assert bench.owner.unlistens == 2
