"""What one write leads to: answers, events, projections; databases that are away."""

import pytest

from services.messaging.rooms.entries import Entry
from services.messaging.rooms.room import replay
from tests.unit.messaging.owner_bench import GATEWAY, Instance, Log, MakeInstance, codes, create, post, seqs
from warren.contracts import rooms
from warren.contracts.errors import Code


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
