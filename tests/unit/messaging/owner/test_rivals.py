"""An owner that was deposed, old nonces, writes that were cut short: the log decides, not the memory."""

from services.messaging.rooms.entries import Entry
from services.messaging.rooms.room import replay
from services.messaging.rooms.room_state import KNOWN_NONCES, RECENT_EVENTS
from tests.unit.messaging.owner_bench import NOW, Instance, Log, MakeInstance, codes, create, post, seqs
from warren.contracts import rooms
from warren.contracts.errors import Code


async def test_an_owner_that_was_deposed_decides_again_on_what_the_log_says(
    one: Instance, instance: MakeInstance
) -> None:
    two = instance()
    assert seqs(await two.carry_out(post("nonce-a"), post("nonce-b"))) == [4, 5]
    assert seqs(await one.carry_out(post("nonce-c"))) == [6]
    assert seqs(await two.carry_out(post("nonce-d"))) == [7]


async def test_what_a_rival_stored_meanwhile_is_found_by_its_nonce(one: Instance, instance: MakeInstance) -> None:
    """The same batch at two owners: frozen in the middle, redelivered to the other, woken up."""
    two = instance()
    batch = [post(f"nonce-{n}") for n in range(5)]
    assert seqs(await two.carry_out(*batch)) == [4, 5, 6, 7, 8]
    assert seqs(await one.carry_out(*batch)) == [4, 5, 6, 7, 8]


async def test_a_refusal_from_stale_memory_is_corrected_before_anybody_hears_it(
    one: Instance, instance: MakeInstance
) -> None:
    two = instance()
    assert codes(await one.carry_out(post("nonce-0", user="cat"))) == [Code.NOT_A_MEMBER]
    await two.carry_out(rooms.Join(3, "r", "cat", "op-join-cat"))
    assert seqs(await one.carry_out(post("nonce-1", user="cat"))) == [5]


async def test_a_listen_answered_from_stale_memory_is_corrected(one: Instance, instance: MakeInstance) -> None:
    await instance().carry_out(post("nonce-1"), post("nonce-2"))
    [listening] = await one.carry_out(rooms.Listen(8, "r", "", 0))
    assert isinstance(listening, rooms.Listening) and listening.head == 5


async def test_who_was_removed_by_a_rival_can_not_post_any_more(one: Instance, instance: MakeInstance) -> None:
    await instance().carry_out(rooms.RemoveMember(3, "r", "ann", "op-remove", "bob"))
    assert codes(await one.carry_out(post("nonce-1", user="bob"))) == [Code.NOT_A_MEMBER]


async def test_a_rival_in_one_room_does_not_undo_what_was_stored_for_others(
    one: Instance, instance: MakeInstance, log: Log
) -> None:
    two = instance()
    for room in ("a", "b", "c"):
        await one.carry_out(create(room))
    await two.carry_out(post("nonce-rival", "b"))
    rooms_of_batch = [post(f"nonce-{n}", room) for n in range(3) for room in ("a", "b", "c")]
    answers = await one.carry_out(*rooms_of_batch)
    assert len(seqs(answers)) == 9
    assert [entry.nonce for entry in log.of("b")][2:] == ["nonce-rival", "nonce-0", "nonce-1", "nonce-2"]


async def test_a_rival_that_writes_at_the_very_moment_wins_and_nothing_is_lost(one: Instance, log: Log) -> None:
    def rival() -> None:
        room = replay("r", log.of("r"))
        log.store(room.handle(post("nonce-rival"), 5).entries)

    log.before_append = [rival]
    assert seqs(await one.carry_out(post("nonce-1"), post("nonce-2"))) == [5, 6]


async def test_a_nonce_from_long_ago_is_answered_as_before_and_what_follows_goes_on(
    one: Instance, instance: MakeInstance, log: Log
) -> None:
    await one.carry_out(create("other"))
    await one.carry_out(*(post(f"nonce-{n:05}") for n in range(KNOWN_NONCES + 100)))
    for owner in (one, instance()):
        answers = await owner.carry_out(
            post("nonce-00007", ref=21),
            post("fresh", ref=22),
            post("fresh", "other", ref=23),
            post("nonce-00008", ref=24),
        )
        found = {answer.ref: answer.seq for answer in answers if isinstance(answer, rooms.Stored)}
        assert found == {21: 11, 22: KNOWN_NONCES + 104, 23: 3, 24: 12}
    assert len(log.of("r")) == KNOWN_NONCES + 104


async def test_many_old_nonces_take_two_writes_however_many_they_are(one: Instance, log: Log) -> None:
    many = KNOWN_NONCES + 500
    old = [post(f"nonce-{n:05}") for n in range(many)]
    await one.carry_out(*old)
    one.cache.clear()
    writes = log.writes
    assert seqs(await one.carry_out(*old)) == list(range(4, many + 4))
    assert log.writes <= writes + 2


async def test_old_nonces_of_many_rooms_take_two_writes_however_many_rooms_they_are(one: Instance, log: Log) -> None:
    """As after an outage, when everybody sends again what was not acknowledged."""
    names = [f"room-{number}" for number in range(6)]
    old = [post("nonce-old", room) for room in names]
    for room in names:
        await one.carry_out(create(room), *(post(f"nonce-{n:05}", room) for n in range(RECENT_EVENTS + 10)))
    await one.carry_out(*old)
    for room in names:
        await one.carry_out(*(post(f"later-{n:05}", room) for n in range(RECENT_EVENTS + 10)))
    one.cache.clear()
    writes = log.writes
    answers = await one.carry_out(*old, *(post("nonce-new", room) for room in names))
    assert [seq for seq in seqs(answers) if seq == RECENT_EVENTS + 13] == [RECENT_EVENTS + 13] * len(names)
    assert log.writes == writes + 2


async def test_an_edit_that_was_stored_before_a_conflict_of_its_batch_reaches_its_message(
    one: Instance, log: Log
) -> None:
    await one.carry_out(*(post(f"nonce-{n:05}") for n in range(RECENT_EVENTS + 10)))
    one.cache.clear()
    edit = rooms.Edit(31, "r", "ann", "op-edit", RECENT_EVENTS, "better")
    [seq] = seqs(await one.carry_out(edit, post("nonce-00001", ref=32)))[:1]
    assert log.find("r", "ann", "op-edit") is not None
    assert ("r", seq) in log.changed


async def test_an_edit_whose_writer_died_reaches_its_message_when_the_room_is_loaded(
    one: Instance, instance: MakeInstance, log: Log
) -> None:
    await one.carry_out(post("nonce-1"))
    log.store([Entry("r", 5, "message.edited", "ann", "op-edit", NOW, 1, {"target": 4, "body": "better"})])
    assert seqs(await instance().carry_out(post("nonce-2"))) == [6]
    assert ("r", 5) in log.changed
