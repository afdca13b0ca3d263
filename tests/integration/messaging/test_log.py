"""The two unique keys of the log in the real database: what an owner that was deposed can not do."""

from collections.abc import AsyncIterator

import pytest

from services.messaging.rooms.entries import Entry
from services.messaging.store.indexes import ensure_indexes
from services.messaging.store.log import Conflict, RoomLog
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
    assert await log.append([entry("a", 1, "rival-1"), entry("a", 2, "rival-2")]) is None
    late = [entry("b", 1, "late-b"), entry("a", 2, "late-1"), entry("a", 3, "late-2"), entry("c", 1, "late-c")]
    assert await log.append(late) == Conflict(1, taken=True)
    assert await stored(log, "a") == [(1, "rival-1"), (2, "rival-2")]
    assert await stored(log, "b") == [(1, "late-b")]
    assert await stored(log, "c") == []


async def test_a_nonce_is_stored_once_for_each_sender_and_room(log: RoomLog) -> None:
    assert await log.append([entry("d", 1, "same"), entry("d", 2, "same", "bob"), entry("e", 1, "same")]) is None
    assert await log.append([entry("d", 3, "new"), entry("d", 4, "same")]) == Conflict(1, taken=False)
    assert await stored(log, "d") == [(1, "same"), (2, "same"), (3, "new")]


async def test_entries_without_a_nonce_do_not_collide(log: RoomLog) -> None:
    assert await log.append([entry("f", 1), entry("f", 2)]) is None


async def test_rooms_that_went_on_are_found(log: RoomLog) -> None:
    await log.append([entry("g", 1), entry("g", 2), entry("h", 1)])
    assert await log.existing([("g", 2), ("h", 2), ("nowhere", 1)]) == {"g"}
    assert await log.heads(["g", "h", "nowhere"]) == {"g": (2, 2), "h": (1, 1), "nowhere": (0, 0)}


async def test_rooms_whose_ids_begin_alike_are_apart(log: RoomLog) -> None:
    await log.append([entry("x", 1), entry("x1", 1), entry("x1", 2), entry("x-", 1)])
    assert await log.head("x") == (1, 1)
    assert [each.seq for each in await log.tail("x1", 10)] == [1, 2]
