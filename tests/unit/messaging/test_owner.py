"""The write path without servers: deposed owners, redeliveries, failing rules, databases that are away."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from services.messaging.rooms import rounds as module
from services.messaging.rooms.entries import Entry
from services.messaging.rooms.room import Room, replay
from services.messaging.rooms.room_state import KNOWN_NONCES, RECENT_EVENTS
from tests.unit.messaging.owner_bench import GATEWAY, NOW, Instance, Log, check_log, create, post
from warren.chassis.lifecycle import Tasks
from warren.contracts import rooms
from warren.contracts.errors import Code
from warren.contracts.events import AnyNotice, PartitionTaken

MakeInstance = Callable[[], Instance]


@pytest.fixture
async def log() -> Log:
    return Log()


@pytest.fixture
async def instance(log: Log, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeInstance]:
    """Instances that share the log and what Redis knows."""
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.001)
    stored: set[tuple[str, str]] = set()
    tasks = Tasks()
    made: list[Instance] = []

    def make() -> Instance:
        new = Instance(log, stored, tasks)
        new.owner._running = [
            tasks.spawn("write", new.owner._write_forever()),
            tasks.spawn("settle", new.owner._settle_forever()),
        ]
        made.append(new)
        return new

    yield make
    failed = tasks.failed.done()
    await tasks.cancel_all()
    assert not failed, tasks.failed.result()
    check_log(log)


@pytest.fixture
async def one(instance: MakeInstance) -> Instance:
    made = instance()
    await made.carry_out(create("r", "bob"), rooms.Listen(2, "r", "", 0))
    return made


def seqs(answers: list[rooms.Answer]) -> list[int]:
    assert all(isinstance(answer, rooms.Stored) for answer in answers), answers
    return [answer.seq for answer in answers if isinstance(answer, rooms.Stored)]


def codes(answers: list[rooms.Answer]) -> list[str]:
    return [answer.code for answer in answers if isinstance(answer, rooms.Refused)]


async def test_a_batch_is_one_write_and_one_parcel_with_answers_events_and_its_end(one: Instance, log: Log) -> None:
    writes, parcels = log.writes, len(one.parcels)
    answers = await one.carry_out(*(post(f"nonce-{n}") for n in range(50)))
    assert seqs(answers) == list(range(4, 54))
    assert log.writes == writes + 1 and len(one.parcels) == parcels + 1
    parcel = one.parcels[-1][GATEWAY]
    assert [event.seq for event in parcel.rooms[0].events] == list(range(4, 54))
    assert [done.number for done in parcel.done] == [2]


async def test_a_listen_in_the_middle_of_a_batch_is_an_exact_cut(one: Instance) -> None:
    await one.carry_out(post("nonce-1"), rooms.Listen(7, "r", "", 0), post("nonce-2"), gateway="other")
    parcel = one.parcels[-1]["other"]
    listening = next(answer for answer in parcel.answers if isinstance(answer, rooms.Listening))
    assert listening.head == 4 and [event.seq for event in listening.recent] == [1, 2, 3, 4]
    assert {event.seq for events in parcel.rooms for event in events.events} >= {5}


async def test_a_command_that_comes_again_is_answered_as_before_and_its_event_is_told_again(one: Instance) -> None:
    first = await one.carry_out(post("nonce-1"))
    again = await one.carry_out(post("nonce-1"))
    assert seqs(first) == seqs(again) == [4]
    assert isinstance(again[0], rooms.Stored) and again[0].duplicate
    assert one.told()[-2:] == [4, 4]


# Rivals


async def test_an_owner_that_was_deposed_decides_again_on_what_the_log_says(
    one: Instance, instance: MakeInstance
) -> None:
    two = instance()
    assert seqs(await two.carry_out(post("nonce-a"), post("nonce-b"))) == [4, 5]
    assert seqs(await one.carry_out(post("nonce-c"))) == [6]
    assert seqs(await two.carry_out(post("nonce-d"))) == [7]


async def test_what_was_refused_stays_refused_though_its_owner_loaded_the_room_again_before_the_next_entry(
    one: Instance, instance: MakeInstance
) -> None:
    """A new owner doubts its rooms when its canary comes back; a deposed one that wakes up has the command still."""
    two = instance()
    command = post("nonce-x", user="eve")
    assert codes(await one.carry_out(command)) == [Code.NOT_A_MEMBER]
    one.cache.doubt(lambda _room: True)
    assert seqs(await one.carry_out(rooms.SetMember(8, "r", "ann", "op-eve", "eve", "member"))) == [4]
    assert codes(await two.carry_out(command)) == [Code.NOT_A_MEMBER]


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


# Nonces from long ago


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


# Changes of messages


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


# Databases


async def test_a_database_that_is_away_is_tried_until_it_is_back(one: Instance, log: Log) -> None:
    log.away = 3
    assert seqs(await one.carry_out(post("nonce-1"))) == [4]


async def test_a_write_whose_answer_was_lost_is_found_stored(one: Instance, log: Log) -> None:
    """The database stored it, the connection broke: the outcome is unknown, the retry finds it."""
    stored = post("nonce-1")

    def store_and_break() -> None:
        log.store(replay("r", log.of("r")).handle(stored, 5).entries)
        log.away = 1

    log.before_append = [store_and_break]
    answers = await one.carry_out(stored)
    assert seqs(answers) == [4]
    assert one.told()[3:] == [4], "those who listen hear of it all the same"


# Membership


async def test_who_joins_while_the_room_is_loaded_is_a_member_since_the_head_that_was_loaded_says_so(
    one: Instance, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another owner stores it after the members were read and before the tail was."""
    right = log.tail

    async def tail(room: str, count: int) -> list[Entry]:
        if len(log.of("r")) == 3:
            log.store(replay("r", log.of("r")).handle(rooms.Join(3, "r", "cat", "op-join-cat"), 5).entries)
        return await right(room, count)

    monkeypatch.setattr(log, "tail", tail)
    one.cache.clear()
    assert seqs(await one.carry_out(post("nonce-1", user="cat"))) == [5]


async def test_new_members_are_announced_also_when_the_command_comes_again(
    one: Instance, instance: MakeInstance
) -> None:
    """The first owner may have died between storing and announcing: gateways that do not listen would not know."""
    assert one.announced() == [("r", ["ann", "bob"])]
    add = rooms.SetMember(3, "r", "ann", "op-add-cat", "cat", "member")
    await one.carry_out(add)
    two = instance()
    await two.carry_out(add)
    await two.carry_out(create("r", "bob"))
    assert two.announced() == [("r", ["cat"]), ("r", ["ann", "bob"])]
    await two.carry_out(rooms.SetMember(4, "r", "ann", "op-raise-cat", "cat", "admin"))
    assert len(two.announced()) == 2


async def test_changes_of_a_write_that_was_cut_short_reach_the_projections(
    one: Instance, instance: MakeInstance, log: Log
) -> None:
    two = instance()
    await two.carry_out(rooms.Join(3, "r", "cat", "op-join-cat"))
    await one.carry_out(rooms.Join(3, "r", "cat", "op-join-cat"), rooms.Join(4, "r", "dan", "op-join-dan"))
    applied = {(entry.kind, entry.seq) for entry in one.tables.applied}
    assert {("member.joined", 4), ("member.joined", 5)} <= applied


# Commands that fail


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule with a bug: it fails half-way, when the room's memory has changed already."""
    right = Room.handle

    def wrong(room: Room, command: rooms.AnyCommand, *more: object) -> object:
        decision = right(room, command, *more)  # type: ignore[arg-type]
        if isinstance(command, rooms.Post) and "poison" in command.nonce:
            raise ZeroDivisionError("a bug")
        return decision

    monkeypatch.setattr(Room, "handle", wrong)


@pytest.mark.usefixtures("poison")
async def test_a_command_that_fails_is_put_aside_and_all_others_go_on_without_a_gap(one: Instance, log: Log) -> None:
    await one.carry_out(create("other"))
    answers = await one.carry_out(
        post("nonce-1", ref=1),
        post("poison-1", ref=2),
        post("nonce-2", ref=3),
        post("poison-2", ref=4),
        post("nonce-3", "other", ref=5),
        post("nonce-4", ref=6),
    )
    stored = {answer.ref: answer.seq for answer in answers if isinstance(answer, rooms.Stored)}
    assert stored == {1: 4, 3: 5, 6: 6, 5: 3}
    refused = [(answer.ref, answer.code) for answer in answers if isinstance(answer, rooms.Refused)]
    assert refused == [(2, Code.INTERNAL), (4, Code.INTERNAL)]
    assert [(c.ref, repr(error)) for c, error in one.dead] == [
        (2, "ZeroDivisionError('a bug')"),
        (4, "ZeroDivisionError('a bug')"),
    ]
    assert seqs(await one.carry_out(post("nonce-5"))) == [7]
    check_log(log)


async def test_a_command_that_fails_anywhere_else_is_found_and_put_aside_and_all_others_go_on(
    one: Instance, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A target that the database client cannot encode, as it once was with numbers past 64 bits."""
    right = log.by_key

    async def wrong(keys: list[tuple[str, int]]) -> object:
        if any(seq > 2**63 for _, seq in keys):
            raise OverflowError("too large")
        return await right(keys)

    monkeypatch.setattr(log, "by_key", wrong)
    await one.carry_out(create("other"))
    answers = await one.carry_out(
        post("nonce-1", ref=1),
        rooms.Edit(2, "r", "ann", "op-edit", 2**64 - 1, "new"),
        post("nonce-2", ref=3),
        rooms.Join(4, "r", "cat", "op-join"),
        post("nonce-3", "other", ref=5),
    )
    assert {a.ref: a.seq for a in answers if isinstance(a, rooms.Stored)} == {1: 4, 3: 5, 4: 6, 5: 3}
    assert [(a.ref, a.code) for a in answers if isinstance(a, rooms.Refused)] == [(2, Code.INTERNAL)]
    assert [repr(error) for _, error in one.dead] == ["OverflowError('too large')"]
    assert one.tables.counts["r"] == 3


# Gateways


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


async def test_canary_rooms_do_not_count_among_the_rooms_in_memory(one: Instance) -> None:
    await one.carry_out(rooms.Canary(8, rooms.canary_room(0, 4), ""))
    assert len(one.cache) == 1


async def test_a_replayed_dead_letter_is_carried_out_and_answered_to_nobody(one: Instance) -> None:
    await one.carry_out(post("nonce-1"), gateway="")
    assert set(one.parcels[-1]) == {GATEWAY}
    assert one.told()[3:] == [4]


async def test_while_redis_is_away_rooms_in_memory_go_on_and_others_are_refused_at_once(
    one: Instance, log: Log
) -> None:
    one.listeners.away = True
    answers = await one.carry_out(post("nonce-1"), post("nonce-2", room="cold"), post("nonce-3"))
    assert codes(answers) == [Code.UNAVAILABLE]
    assert [answer.seq for answer in answers if isinstance(answer, rooms.Stored)] == [4, 5]
    assert log.of("cold") == []
