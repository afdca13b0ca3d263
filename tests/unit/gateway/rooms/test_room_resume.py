"""A socket gets exactly what it missed, in order: from memory, from the log, or else it is told to load history."""

import asyncio

import pytest

from services.gateway.rooms.local_room import RECENT_FRAMES
from tests.support.virtual_time import ticks
from tests.unit.gateway.rooms.room_bench import ROOM, FakeSocket, RoomBench, upto
from warren.chassis.lifecycle import Tasks
from warren.contracts.errors import Code, Refusal
from warren.contracts.limits import RESUME_EVENTS


async def test_a_socket_without_a_past_gets_only_what_comes(bench: RoomBench) -> None:
    ann = await bench.socket("ann")
    assert ann.got == []
    bench.happen(3)
    assert ann.seqs == [11, 12, 13]


@pytest.mark.parametrize("after", [2, 7, 9, 10])
async def test_a_socket_gets_exactly_what_it_missed_from_memory(bench: RoomBench, after: int) -> None:
    await bench.socket("bob")
    ann = await bench.socket("ann", after)
    assert bench.owner.reads == []
    bench.happen()
    assert ann.seqs == upto(after + 1, 11)


async def test_what_memory_has_not_comes_from_the_log_and_what_comes_meanwhile_follows(bench: RoomBench) -> None:
    bench.owner.kept = 3
    ann = await bench.socket("ann", 4)
    bench.happen(2)
    await ticks(60)
    bench.happen()
    assert bench.owner.reads[0][0] == 4
    assert ann.seqs == upto(5, 13)


async def test_a_log_that_is_away_makes_the_client_load_history(bench: RoomBench) -> None:
    bench.owner.kept = 3
    bench.owner.log_is_away = 1
    ann = await bench.socket("ann", 4)
    await ticks(60)
    bench.happen()
    assert ann.others == [("reset", 10)]
    assert ann.seqs == [11]


async def test_who_missed_too_much_is_told_to_load_history(tasks: Tasks) -> None:
    bench = RoomBench(tasks, head=RESUME_EVENTS + 10)
    late = await bench.socket("ann", 9)
    just = await bench.socket("bob", 10)
    await ticks(60)
    bench.happen()
    assert late.others == [("reset", RESUME_EVENTS + 10)] and late.seqs == [RESUME_EVENTS + 11]
    assert just.others == [] and just.seqs == upto(11, RESUME_EVENTS + 11)


async def test_nothing_from_before_the_membership_is_given(bench: RoomBench) -> None:
    bench.owner.write(joined="cat")
    cat = await bench.socket("cat", 5)
    assert cat.others == [("reset", 11)] and cat.seqs == []
    just_before = await bench.socket("cat", 9)
    assert just_before.others == [("reset", 11)] and just_before.seqs == []
    again = await bench.socket("cat", 10)
    assert again.seqs == [11]


async def test_who_is_no_member_gets_nothing(bench: RoomBench) -> None:
    eve = FakeSocket("eve")
    assert not bench.rooms.audience.join(await bench.live(), eve.as_connection, 0)
    bench.happen()
    assert eve.got == [] and eve.rooms == set()


# Sockets that are ahead


async def test_a_socket_that_is_ahead_waits_until_this_gateway_has_caught_up(bench: RoomBench) -> None:
    ann = await bench.socket("ann", 12)
    bench.happen(2)
    assert ann.got == []
    bench.happen(2)
    assert ann.seqs == [13, 14]


async def test_a_socket_that_is_ahead_loses_nothing_when_this_gateway_catches_up_by_a_lot(bench: RoomBench) -> None:
    ann = await bench.socket("ann", 12)
    for _ in range(RECENT_FRAMES + 100):
        bench.owner.write()
    bench.rooms.repair(lambda _room: True)
    await bench.catch_up()
    bench.happen()
    await ticks(60)
    assert ann.seqs == upto(13, bench.owner.head)


async def test_a_socket_that_is_ahead_of_a_gap_that_is_too_long_goes_on_after_it(bench: RoomBench) -> None:
    ann = await bench.socket("ann", RESUME_EVENTS)
    for _ in range(RESUME_EVENTS + 1):
        bench.owner.write()
    bench.rooms.repair(lambda _room: True)
    await bench.catch_up()
    await ticks(60)
    assert ann.seqs == upto(RESUME_EVENTS + 1, bench.owner.head)


# A client that found a gap itself


async def test_a_client_that_found_a_gap_begins_anew_where_it_says(bench: RoomBench) -> None:
    ann = await bench.socket("ann")
    bench.happen(2)
    await bench.rooms.sync(ROOM, ann.as_connection, 9)
    bench.happen()
    assert ann.seqs == [11, 12, 10, 11, 12, 13]


async def test_a_client_that_asks_twice_while_it_is_ahead_is_given_everything_once(bench: RoomBench) -> None:
    ann = await bench.socket("ann", 11)
    await bench.rooms.sync(ROOM, ann.as_connection, 12)
    await bench.rooms.sync(ROOM, ann.as_connection, 11)
    bench.happen(3)
    assert ann.seqs == [12, 13]


async def test_asking_for_a_room_that_one_is_no_member_of_is_refused(bench: RoomBench) -> None:
    eve = FakeSocket("eve")
    await bench.live()
    with pytest.raises(Refusal) as caught:
        await bench.rooms.sync(ROOM, eve.as_connection, 0)
    assert caught.value.code is Code.NOT_FOUND


async def test_a_socket_that_closed_while_its_room_was_repaired_is_not_taken_in(bench: RoomBench) -> None:
    ann = await bench.socket("ann")
    bench.owner.write()
    bench.happen()
    asking = asyncio.create_task(bench.rooms.sync(ROOM, ann.as_connection, 10))
    await ticks()
    ann.closed = True
    bench.rooms.audience.left(ann.as_connection)
    await bench.catch_up()
    await asking
    assert (await bench.rooms.live(ROOM)).sockets == set()
