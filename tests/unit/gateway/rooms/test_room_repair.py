"""What is lost between owner and gateway is repaired, and nothing that is later is given before it."""

from services.gateway.rooms.in_step import RETRY_SECONDS
from services.gateway.rooms.local_room import Phase
from tests.support.virtual_time import pass_time, ticks
from tests.unit.gateway.rooms.room_bench import ROOM, FakeSocket, RoomBench, upto
from warren.contracts.limits import RESUME_EVENTS


async def test_events_that_come_twice_are_given_once(bench: RoomBench) -> None:
    ann = await bench.socket("ann")
    first, second = bench.owner.write(), bench.owner.write()
    bench.deliver(first)
    bench.deliver(first, second)
    bench.deliver(first)
    assert ann.seqs == [11, 12]


async def test_a_gap_is_repaired_before_what_is_later_is_given(bench: RoomBench) -> None:
    ann = await bench.socket("ann")
    bench.owner.write()
    bench.happen(2)
    assert ann.seqs == []
    assert bench.owner.listens[-1].after == 10
    await bench.catch_up()
    assert ann.seqs == [11, 12, 13] and bench.owner.reads == []
    bench.happen()
    assert ann.seqs == [11, 12, 13, 14]


async def test_events_that_come_between_the_owners_cut_and_its_answer_are_held_and_given_in_order(
    bench: RoomBench,
) -> None:
    ann = await bench.socket("ann")
    bench.owner.write()
    bench.happen()
    await bench.catch_up()
    bench.owner.write()
    bench.happen()
    answer = bench.owner.listening(bench.owner.listens[-1])
    bench.happen(2)
    bench.owner.waiters.popitem()[1](answer)
    await ticks()
    assert ann.seqs == upto(11, 16)


async def test_a_gap_that_the_owner_has_forgotten_is_read_from_the_log(bench: RoomBench) -> None:
    bench.owner.kept = 0
    ann = await bench.socket("ann")
    for _ in range(5):
        bench.owner.write()
    bench.happen()
    await bench.catch_up()
    assert bench.owner.reads == [(10, 16)]
    assert ann.seqs == upto(11, 16)


async def test_a_log_that_is_away_during_a_repair_is_asked_again(bench: RoomBench) -> None:
    bench.owner.kept = 0
    bench.owner.log_is_away = 1
    ann = await bench.socket("ann")
    bench.owner.write()
    bench.happen()
    await bench.catch_up()
    assert ann.seqs == []
    await pass_time(RETRY_SECONDS)
    await bench.catch_up()
    assert ann.seqs == [11, 12]


async def test_a_second_gap_in_what_was_held_is_repaired_too(bench: RoomBench) -> None:
    ann = await bench.socket("ann")
    bench.owner.write()
    bench.happen()
    answer = bench.owner.listening(bench.owner.listens[-1])
    waiter = bench.owner.waiters.popitem()[1]
    bench.owner.write()
    bench.happen()
    waiter(answer)
    await bench.catch_up()
    assert ann.seqs == upto(11, 14)


async def test_a_gap_that_is_too_long_makes_every_client_load_history(bench: RoomBench) -> None:
    ann = await bench.socket("ann")
    for _ in range(RESUME_EVENTS + 1):
        bench.owner.write()
    bench.rooms.repair(lambda _room: True)
    await bench.catch_up()
    assert ann.others == [("reset", bench.owner.head)] and ann.seqs == []
    bench.happen()
    assert ann.seqs == [bench.owner.head]


async def test_who_left_during_a_gap_that_is_too_long_is_only_told_to_look(bench: RoomBench) -> None:
    bench.owner.kept = 3
    live, ahead, resuming = await bench.socket("ann"), await bench.socket("ann", 12), await bench.socket("ann", 3)
    assert resuming.got == []
    bench.owner.write(left="ann")
    for _ in range(RESUME_EVENTS + 1):
        bench.owner.write()
    bench.rooms.repair(lambda _room: True)
    await bench.catch_up()
    bench.happen()
    assert live.seqs == ahead.seqs == resuming.seqs == []
    assert live.others == resuming.others == [("reset", 10)], "nothing of how far the room is by now"
    assert ahead.others == [("reset", 12)]
    assert live.rooms == ahead.rooms == resuming.rooms == set()


async def test_who_left_and_came_back_during_a_gap_that_is_too_long_gets_nothing_from_in_between(
    bench: RoomBench,
) -> None:
    bench.owner.kept = 3
    sockets = [await bench.socket("ann"), await bench.socket("ann", 12), await bench.socket("ann", 3)]
    for _ in range(2):
        bench.owner.write()
    bench.owner.write(left="ann")
    for _ in range(RESUME_EVENTS):
        bench.owner.write()
    back = bench.owner.write(joined="ann").seq
    bench.rooms.repair(lambda _room: True)
    await bench.catch_up()
    bench.happen()
    for socket in sockets:
        assert socket.others == [("reset", back)] and socket.seqs == [back + 1]


async def test_who_joined_during_a_gap_that_is_too_long_is_told_of_the_room(bench: RoomBench) -> None:
    await bench.socket("ann")
    cat = FakeSocket("cat")
    bench.rooms.audience.arrived(cat.as_connection)
    for _ in range(RESUME_EVENTS):
        bench.owner.write()
    bench.owner.write(joined="cat")
    bench.rooms.repair(lambda _room: True)
    await bench.catch_up()
    bench.happen()
    assert cat.others == [("notice", bench.owner.head - 2)]
    assert cat.seqs == [bench.owner.head - 1, bench.owner.head]


async def test_what_is_lost_while_a_repair_is_under_way_is_repaired_after_it(bench: RoomBench) -> None:
    """The connection is lost when the owner's answer is here but the log is still being read: the new queue is not
    known to the owner, so without another Listen the room would stay silent."""
    bench.owner.kept = 0
    ann = await bench.socket("ann")
    bench.owner.write()
    bench.happen()
    bench.owner.on_read = lambda: bench.rooms.repair(lambda _room: True)
    listens = len(bench.owner.listens)
    bench.owner.answer()
    await ticks(60)
    bench.owner.on_read = lambda: None
    bench.owner.write()
    assert len(bench.owner.listens) == listens + 1
    await bench.catch_up()
    assert ann.seqs == upto(11, 13)


async def test_only_chosen_rooms_are_repaired(bench: RoomBench) -> None:
    await bench.socket("ann")
    bench.happen()
    bench.rooms.repair(lambda room: room.id != ROOM)
    assert len(bench.owner.listens) == 1
    bench.rooms.repair(lambda room: room.id == ROOM)
    assert len(bench.owner.listens) == 2


async def test_a_phase_is_never_left_behind(bench: RoomBench) -> None:
    """After any mixture of losses the room is live and its sockets have everything."""
    ann = await bench.socket("ann")
    for lost in (1, 3, 0, 2):
        for _ in range(lost):
            bench.owner.write()
        bench.happen(2)
        bench.rooms.repair(lambda _room: True)
        await bench.catch_up()
        await bench.catch_up()
    assert (await bench.rooms.live(ROOM)).phase is Phase.LIVE
    assert ann.seqs == upto(11, bench.owner.head)
