"""Rooms at the gateway: every socket gets exactly what it is entitled to, in order, whatever is lost on the way."""

import asyncio

import pytest

from services.gateway.rooms.local_room import RECENT_FRAMES, Phase
from services.gateway.rooms.local_rooms import LINGER_SECONDS, RETRY_SECONDS, UNLISTEN_AGAIN_SECONDS
from tests.support.virtual_time import pass_time, ticks
from tests.unit.gateway.rooms.room_bench import ROOM, SOURCE, FakeSocket, RoomBench
from warren.chassis.lifecycle import Tasks
from warren.contracts import rooms
from warren.contracts.errors import Code, Refusal
from warren.contracts.events import MemberAdded, RoomEvents, Transient
from warren.contracts.limits import RESUME_EVENTS


@pytest.fixture
def bench(tasks: Tasks) -> RoomBench:
    return RoomBench(tasks)


def upto(first: int, last: int) -> list[int]:
    return list(range(first, last + 1))


# Joining


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


# In order


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


async def test_who_left_during_a_gap_that_is_too_long_gets_nothing_any_more(bench: RoomBench) -> None:
    bench.owner.kept = 3
    live, ahead, resuming = await bench.socket("ann"), await bench.socket("ann", 12), await bench.socket("ann", 3)
    assert resuming.got == []
    bench.owner.write(left="ann")
    for _ in range(RESUME_EVENTS + 1):
        bench.owner.write()
    bench.rooms.repair(lambda _room: True)
    await bench.catch_up()
    bench.happen()
    assert live.seqs == [] and ahead.got == []
    assert max(resuming.seqs, default=0) <= 10
    assert live.rooms == ahead.rooms == resuming.rooms == set()


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
    bench.rooms.repair(lambda room: room.source == "another")
    assert len(bench.owner.listens) == 1
    bench.rooms.repair(lambda room: room.source == SOURCE)
    assert len(bench.owner.listens) == 2


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


# Membership


async def test_who_joins_gets_the_room_from_the_joining_on(bench: RoomBench) -> None:
    await bench.socket("ann")
    cat = FakeSocket("cat")
    bench.rooms.audience.arrived(cat.as_connection)
    bench.deliver(bench.owner.write(), bench.owner.write(joined="cat"), bench.owner.write())
    assert cat.others == [("notice", 11)]
    assert cat.seqs == [12, 13]


async def test_who_leaves_gets_the_leaving_and_then_silence(bench: RoomBench) -> None:
    ann, bob = await bench.socket("ann"), await bench.socket("bob")
    bench.deliver(bench.owner.write(), bench.owner.write(left="bob"), bench.owner.write())
    bench.happen()
    assert bob.seqs == [11, 12]
    assert ann.seqs == [11, 12, 13, 14]
    assert bob.rooms == set()


async def test_who_leaves_and_comes_back_in_one_batch_gets_all_but_what_was_between(bench: RoomBench) -> None:
    bob = await bench.socket("bob")
    write = bench.owner.write
    bench.deliver(write(left="bob"), write(), write(joined="bob"), write())
    assert bob.seqs == [11, 13, 14]
    assert bob.others == [("notice", 12)]


async def test_a_room_is_added_once_whatever_comes_first(bench: RoomBench) -> None:
    await bench.socket("ann")
    cat = FakeSocket("cat")
    bench.rooms.audience.arrived(cat.as_connection)
    joined = bench.owner.write(joined="cat")
    notice = MemberAdded(ROOM, ["cat"])
    bench.rooms.on_added(notice)
    bench.deliver(joined)
    bench.rooms.on_added(notice)
    await bench.catch_up()
    bench.rooms.on_added(notice)
    await bench.catch_up()
    assert cat.others == [("notice", 10)]
    assert cat.seqs == [11]


async def test_a_room_that_this_gateway_does_not_know_is_opened_for_who_is_added(bench: RoomBench) -> None:
    cat = FakeSocket("cat")
    bench.rooms.audience.arrived(cat.as_connection)
    bench.owner.write(joined="cat")
    bench.owner.write()
    bench.rooms.on_added(MemberAdded(ROOM, ["cat", "dan"]))
    bench.rooms.on_added(MemberAdded(ROOM, ["cat", "dan"]))
    await bench.catch_up()
    bench.happen()
    assert cat.others == [("notice", 10)]
    assert cat.seqs == [11, 12, 13]


async def test_rooms_that_come_before_ready_wait_for_it(bench: RoomBench) -> None:
    await bench.socket("ann")
    cat = FakeSocket("cat", ready=False)
    bench.rooms.audience.arrived(cat.as_connection)
    bench.rooms.on_added(MemberAdded("other", ["cat"]))
    bench.deliver(bench.owner.write(joined="cat"))
    assert cat.got == []
    assert cat.added_meanwhile == {ROOM, "other"}


async def test_a_socket_that_is_gone_gets_nothing_and_is_forgotten(bench: RoomBench) -> None:
    ann = await bench.socket("ann")
    bench.rooms.audience.left(ann.as_connection)
    bench.happen()
    assert ann.got == [] and bench.rooms.audience.sockets_of("ann") == set()


async def test_who_leaves_while_resuming_gets_all_up_to_the_leaving_and_then_silence(bench: RoomBench) -> None:
    bench.owner.kept = 3
    bob = await bench.socket("bob", 4)
    bench.deliver(bench.owner.write(left="bob"))
    bench.happen()
    await ticks(60)
    assert bob.others == []
    assert bob.seqs == upto(5, 11)
    assert bob.rooms == set()


async def test_who_leaves_while_the_log_is_read_gets_the_leaving_and_nothing_of_what_is_in_memory_after_it(
    bench: RoomBench,
) -> None:
    def leave() -> None:
        bench.owner.on_read = lambda: None
        bench.deliver(bench.owner.write(left="bob"))
        bench.happen()

    bench.owner.kept, bench.owner.on_read = 3, leave
    bob = await bench.socket("bob", 4)
    await ticks(60)
    assert (bob.others, bob.seqs, bob.rooms) == ([], upto(5, 11), set())


async def test_who_leaves_twice_while_resuming_gets_all_up_to_the_first_leaving(bench: RoomBench) -> None:
    bench.owner.kept = 3
    bob = await bench.socket("bob", 4)
    for change in ({"left": "bob"}, {}, {"joined": "bob"}, {"left": "bob"}, {}):
        bench.deliver(bench.owner.write(**change))
    await ticks(60)
    assert (bob.others, bob.seqs, bob.rooms) == ([], upto(5, 11), set())


async def test_who_leaves_and_comes_back_while_resuming_gets_all_but_what_was_between(bench: RoomBench) -> None:
    bench.owner.kept = 3
    bob = await bench.socket("bob", 4)
    bench.deliver(bench.owner.write(left="bob"))
    bench.happen()
    bench.deliver(bench.owner.write(joined="bob"))
    bench.happen()
    await ticks(60)
    assert bob.others == [("notice", 12)]
    assert bob.seqs == [*upto(5, 11), 13, 14]
    bench.happen()
    assert bob.seqs[-1] == 15


async def test_who_leaves_while_resuming_from_a_log_that_is_away_loads_history_and_gets_nothing(
    bench: RoomBench,
) -> None:
    bench.owner.kept, bench.owner.log_is_away = 3, 1
    bob = await bench.socket("bob", 4)
    bench.deliver(bench.owner.write(left="bob"))
    bench.happen()
    await ticks(60)
    assert (bob.others, bob.seqs) == ([("reset", 11)], [])


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


# Transient news


async def test_news_go_to_others_and_ones_own_form_to_oneself(bench: RoomBench) -> None:
    ann, bob = await bench.socket("ann"), await bench.socket("bob")
    bench.rooms.on_transient(Transient(ROOM, b'{"op":"receipt"}', "ann", b'{"op":"read"}'))
    bench.rooms.on_transient(Transient(ROOM, b'{"op":"typing"}', "ann"))
    bench.rooms.on_transient(Transient("unknown", b'{"op":"typing"}', "ann"))
    assert [frame["op"] for frame in ann.dropped_first] == ["read"]
    assert [frame["op"] for frame in bob.dropped_first] == ["receipt", "typing"]


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
        bench.rooms.on_events(RoomEvents("old", [rooms.RoomEvent(seq, b"{}")]), SOURCE)
    assert bench.owner.unlistens == 1
    await pass_time(UNLISTEN_AGAIN_SECONDS)
    bench.rooms.on_events(RoomEvents("old", [rooms.RoomEvent(6, b"{}")]), SOURCE)
    assert bench.owner.unlistens == 2


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
