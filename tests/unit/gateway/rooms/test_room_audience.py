"""Who gets a room's events and news: its members of that moment, through the sockets that are here."""

from tests.support.virtual_time import ticks
from tests.unit.gateway.rooms.room_bench import ROOM, FakeSocket, RoomBench, upto
from warren.contracts.events import MemberAdded, Transient


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


# Leaving while older events are being given


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


# Transient news


async def test_news_go_to_others_and_ones_own_form_to_oneself(bench: RoomBench) -> None:
    ann, bob = await bench.socket("ann"), await bench.socket("bob")
    bench.rooms.on_transient(Transient(ROOM, b'{"op":"receipt"}', "ann", b'{"op":"read"}'))
    bench.rooms.on_transient(Transient(ROOM, b'{"op":"typing"}', "ann"))
    bench.rooms.on_transient(Transient("unknown", b'{"op":"typing"}', "ann"))
    assert [frame["op"] for frame in ann.dropped_first] == ["read"]
    assert [frame["op"] for frame in bob.dropped_first] == ["receipt", "typing"]
