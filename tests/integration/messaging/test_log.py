"""The two unique keys of the log in the real database: what an owner that was deposed can not do."""

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace
from pymongo import AsyncMongoClient
from pymongo.errors import WriteConcernError
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent
from pymongo.write_concern import WriteConcern

from services.messaging.rooms.entries import Entry
from services.messaging.store.indexes import OlderLog, ensure_indexes
from services.messaging.store.log import RoomLog
from services.messaging.store.runs import RUN, Conflict
from tests.support.spaces import Space
from warren.chassis.mongo import Mongo


@pytest.fixture
async def log(space: Space) -> AsyncIterator[RoomLog]:
    mongo = Mongo(space.mongodb_uri, "test")
    await ensure_indexes(mongo)
    yield RoomLog(mongo)
    await mongo.stop()


def entry(room: str, seq: int, nonce: str | None = None, sender: str = "ann") -> Entry:
    return Entry(room, seq, "message.created", sender, nonce, 1, seq, {"body": f"{nonce}"})


async def stored(log: RoomLog, room: str) -> list[tuple[int, str | None]]:
    return [(each.seq, each.nonce) for each in await log.after(room, 0, 100)]


async def test_a_taken_number_is_refused_with_all_that_follows_it(log: RoomLog) -> None:
    assert await log.append([entry("a", 1, "before")]) is None
    assert await log.append([entry("a", 2, "rival-1"), entry("a", 3, "rival-2")]) is None
    late = [entry("b", 1, "late-b"), entry("a", 2, "late-1"), entry("a", 3, "late-2"), entry("c", 1, "late-c")]
    assert await log.append(late) == Conflict(1, taken=True)
    assert await stored(log, "a") == [(1, "before"), (2, "rival-1"), (3, "rival-2")]
    assert await stored(log, "b") == [(1, "late-b")]
    assert await stored(log, "c") == []


async def test_a_nonce_is_stored_once_for_each_sender_and_room_and_refuses_the_run_that_repeats_it(
    log: RoomLog,
) -> None:
    assert await log.append([entry("d", 1, "same"), entry("d", 2, "same", "bob"), entry("e", 1, "same")]) is None
    again = [entry("e", 2, "new"), entry("d", 3, "new"), entry("d", 4, "same"), entry("f", 1, "new")]
    assert await log.append(again) == Conflict(1, taken=False)
    assert await stored(log, "d") == [(1, "same"), (2, "same")]
    assert await stored(log, "e") == [(1, "same"), (2, "new")]
    assert [each.seq for each in await log.by_nonces("d", [("ann", "same"), ("bob", "other")])] == [1]


async def test_long_runs_are_cut_and_read_from_any_place(log: RoomLog) -> None:
    """Every read meets runs that begin before what is asked for, and end after it."""
    last = 3 * RUN
    for first, end in ((1, RUN + 3), (RUN + 3, 2 * RUN), (2 * RUN, last + 1)):
        assert await log.append([entry("long", seq, f"nonce-{seq}") for seq in range(first, end)]) is None
    assert await log.head("long") == (last, last)
    for seq in range(last + 1):
        assert [each.seq for each in await log.after("long", seq, 7)] == list(range(seq + 1, min(seq + 7, last) + 1))
        before = await log.messages("long", limit=5, before=seq)
        assert [each.seq for each in before] == list(range(max(1, seq - 5), seq))
        after = await log.messages("long", limit=5, after=seq)
        assert [each.seq for each in after] == list(range(seq + 1, min(seq + 5, last) + 1))
        assert [each.seq for each in await log.tail("long", seq + 1)] == list(range(max(1, last - seq), last + 1))
    every = [("long", seq) for seq in range(last + 2)]
    assert {key: each.nonce for key, each in (await log.by_key(every)).items()} == {
        ("long", seq): f"nonce-{seq}" for seq in range(1, last + 1)
    }


async def test_a_run_cut_by_a_conflict_leaves_whole_runs_before_it(log: RoomLog) -> None:
    assert await log.append([entry("cut", 1, "old")]) is None
    late = [entry("cut", 2 + n, f"late-{n}") for n in range(RUN)] + [entry("cut", 2 + RUN, "old")]
    assert await log.append(late) == Conflict(RUN, taken=False)
    assert await log.head("cut") == (RUN + 1, RUN + 1)


async def test_a_write_that_is_too_long_for_one_command_is_stored_whole_and_counts_conflicts_on(log: RoomLog) -> None:
    """16 MiB is what the server takes: these are three commands."""
    letter = "x" * 32_000
    entries = [replace(entry(f"big-{n % 20}", n // 20 + 1, f"n{n}"), payload={"body": letter}) for n in range(640)]
    ordered = sorted(entries, key=lambda each: each.room)
    assert await log.append(ordered) is None
    assert all([await log.head(f"big-{room}") == (32, 32) for room in range(20)])
    after = [replace(each, seq=each.seq + 32, nonce=f"later-{each.nonce}") for each in ordered]
    assert await log.append([*after, entry("small", 1, "first")]) is None
    again = [replace(each, seq=each.seq + 32, nonce=f"last-{each.nonce}") for each in after]
    assert await log.append([*again, entry("smaller", 1, "free"), entry("small", 1, "taken")]) == Conflict(
        641, taken=True
    )


async def test_what_the_servers_did_not_confirm_in_time_is_unknown_also_at_a_conflict(space: Space) -> None:
    mongo = Mongo(space.mongodb_uri, "test")
    await ensure_indexes(mongo)
    assert await RoomLog(mongo).append([entry("w", 1, "first")]) is None
    mongo.database = mongo.database.with_options(write_concern=WriteConcern(9, wtimeout=50))
    lonely = RoomLog(mongo)
    for entries in ([entry("w", 2, "second")], [entry("v", 1, "other"), entry("w", 1, "taken")]):
        with pytest.raises(WriteConcernError):
            await lonely.append(entries)
    await mongo.stop()


async def test_changes_reach_their_message_in_the_middle_of_a_run_once_and_in_order(log: RoomLog) -> None:
    def changed(seq: int, kind: str, **payload: object) -> Entry:
        return Entry("edits", seq, kind, "ann", f"op-{seq}", seq, 3, payload)

    assert await log.append([entry("edits", seq, f"nonce-{seq}") for seq in (1, 2, 3)]) is None
    changes = [
        changed(4, "message.edited", target=2, body="first edit"),
        changed(5, "message.edited", target=2, body="second edit"),
        changed(6, "reaction.changed", target=2, emoji="+", on=True),
        changed(7, "message.deleted", target=3),
    ]
    assert await log.append(changes) is None
    for _ in range(2):
        await log.apply_changes(changes)
        await log.mend(changes)
        first, second, third = await log.messages("edits", limit=9)
        assert first.payload == {"body": "nonce-1"}
        assert second.payload == {"body": "second edit", "edited_at": 5, "reactions": [{"emoji": "+", "user": "ann"}]}
        assert third.payload == {"body": "", "attachments": [], "deleted": True}
    off = changed(8, "reaction.changed", target=2, emoji="+", on=False)
    assert await log.append([off]) is None
    await log.mend([off])
    assert (await log.messages("edits", limit=9))[1].payload["reactions"] == []


async def test_changes_of_members_are_found_from_the_middle_of_a_run_on(log: RoomLog) -> None:
    def joined(seq: int) -> Entry:
        return Entry("join", seq, "member.joined", "ann", None, 1, 0, {"user": f"u{seq}", "role": "member"})

    room = Entry("join", 1, "room.changed", "ann", None, 1, 0, {"kind": "group", "name": "R"})
    assert await log.append([room, joined(2), joined(3), entry("join", 4, "m"), joined(5)]) is None
    assert await log.append([entry("join", 6, "m2"), joined(7)]) is None
    assert [each.seq for each in await log.changes_after("join", 0)] == [1, 2, 3, 5, 7]
    assert [each.seq for each in await log.changes_after("join", 2)] == [3, 5, 7]
    assert [each.seq for each in await log.changes_after("join", 5)] == [7]
    assert (await log.tail("join", 9))[0].payload == {"kind": "group", "name": "R"}
    last = await log.last_message("join")
    assert last is not None and last.seq == 6


async def test_entries_without_a_nonce_do_not_collide(log: RoomLog) -> None:
    assert await log.append([entry("f", 1), entry("f", 2)]) is None


async def test_rooms_that_went_on_are_found(log: RoomLog) -> None:
    await log.append([entry("g", 1), entry("h", 1)])
    await log.append([entry("g", 2)])
    assert await log.existing([("g", 2), ("h", 2), ("nowhere", 1)]) == {"g"}
    assert await log.heads(["g", "h", "nowhere"]) == {"g": (2, 2), "h": (1, 1), "nowhere": (0, 0)}


async def test_rooms_whose_ids_begin_alike_are_apart(log: RoomLog) -> None:
    await log.append([entry("x", 1), entry("x1", 1), entry("x1", 2), entry("x-", 1)])
    assert await log.head("x") == (1, 1)
    assert [each.seq for each in await log.tail("x1", 10)] == [1, 2]


class Returned(CommandListener):
    """Counts the runs that reads bring here."""

    runs = 0

    def started(self, event: CommandStartedEvent) -> None: ...

    def failed(self, event: CommandFailedEvent) -> None: ...

    def succeeded(self, event: CommandSucceededEvent) -> None:
        cursor: dict[str, list[object]] = event.reply.get("cursor") or {}
        self.runs += len(cursor.get("firstBatch") or cursor.get("nextBatch") or ())


async def test_reading_a_long_room_brings_no_more_of_it_than_is_asked_for(space: Space, log: RoomLog) -> None:
    for seq in range(1, 401):
        assert await log.append([entry("deep", seq, f"nonce-{seq}")]) is None
    returned = Returned()
    mongo = Mongo(space.mongodb_uri, "test")
    client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(space.mongodb_uri, event_listeners=[returned])
    mongo.database = client.get_default_database()
    watched = RoomLog(mongo)
    assert await watched.head("deep") == (400, 400)
    assert await watched.last_message("deep") is not None
    assert returned.runs <= 4
    assert len(await watched.messages("deep", limit=30)) == 30
    assert len(await watched.messages("deep", limit=30, before=200)) == 30
    assert len(await watched.messages("deep", limit=30, after=200)) == 30
    assert returned.runs <= 4 + 3 * (30 + 30 // 3 + 2 + RUN)
    returned.runs = 0
    assert len(await watched.tail("deep", 10)) == 10
    assert len(await watched.after("deep", 200, 10)) == 10
    assert len(await watched.by_key([("deep", 7), ("deep", 300)])) == 2
    assert returned.runs <= 4 * RUN + 30
    await client.close()
    await mongo.stop()


async def test_a_log_of_an_earlier_form_is_named_and_left_as_it_is(space: Space) -> None:
    mongo = Mongo(space.mongodb_uri, "test")
    collection = mongo.database["room_log"]
    before = await collection.find({}).to_list()
    await collection.delete_many({})
    try:
        await collection.insert_one({"_id": {"room": "r", "seq": 1}, "kind": "message.created"})
        with pytest.raises(OlderLog, match="down --wipe"):
            await ensure_indexes(mongo)
        assert await collection.count_documents({}) == 1
    finally:
        await collection.delete_many({})
        if before:
            await collection.insert_many(before)
        await mongo.stop()
