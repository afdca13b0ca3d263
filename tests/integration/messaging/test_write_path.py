"""What one instance promises: once, in order, found again, repaired after a crash, with databases that come and go."""

import asyncio

import pytest
from pymongo import MongoClient

from services.messaging.rooms.room_state import KNOWN_NONCES
from tests.integration.messaging.gateway import Gateway, check_events, check_log, gateway, log_of
from tests.support.processes import Program
from tests.support.spaces import Space
from tests.support.waiting import eventually
from warren.contracts import queries, rooms
from warren.contracts.codec import encode
from warren.contracts.errors import Code
from warren.contracts.ids import partition_of
from warren.contracts.rooms import CommandBatch, listeners_key

pytestmark = pytest.mark.usefixtures("messaging")


async def test_a_message_is_stored_acknowledged_and_told_to_those_who_listen(space: Space, edge: Gateway) -> None:
    await edge.ask(edge.create("once", "bob"))
    [listening] = await edge.ask(edge.listen("once"))
    assert isinstance(listening, rooms.Listening) and listening.head == 3
    [seq] = await edge.seqs(edge.post("once", "nonce-001"))
    assert seq == 4
    await edge.until_event("once", 4)
    assert check_log(space, "once")[-1]["body"] == "body of nonce-001"
    assert len(edge.done) == 3


async def test_the_same_nonce_is_stored_once_whoever_sends_it_again(space: Space, edge: Gateway) -> None:
    await edge.ask(edge.create("nonces"))
    first = await edge.seqs(edge.post("nonces", "nonce-001"), edge.post("nonces", "nonce-001"))
    async with gateway(space) as other:
        again = await other.seqs(other.post("nonces", "nonce-001"))
    assert first + again == [3, 3, 3]
    check_log(space, "nonces")


async def test_a_batch_that_the_broker_delivers_twice_is_told_twice_and_stored_once(
    space: Space, edge: Gateway
) -> None:
    await edge.ask(edge.create("twice"), edge.listen("twice"))
    batch = encode(CommandBatch(edge.queue, partition_of("twice", 4), 99, [edge.post("twice", "nonce-001")]))
    for _ in range(2):
        await edge.send_bytes(partition_of("twice", 4), batch)

    async def done_twice() -> bool:
        return edge.done.count((partition_of("twice", 4), 99)) == 2

    await eventually(done_twice, "both copies are settled")
    assert [event.seq for event in edge.events("twice")].count(3) == 2
    check_events(edge.events("twice"))
    assert len(check_log(space, "twice")) == 3


async def test_a_nonce_from_long_ago_is_found_in_the_database_and_other_rooms_of_the_batch_go_on(
    space: Space, edge: Gateway
) -> None:
    room = "long-ago"
    other = next(f"other-{n}" for n in range(99) if partition_of(f"other-{n}", 4) == partition_of(room, 4))
    await edge.ask(edge.create(room), edge.create(other))
    many = KNOWN_NONCES + 50
    for begin in range(0, many, 500):
        await edge.seqs(*(edge.post(room, f"nonce-{n:06}") for n in range(begin, min(begin + 500, many))))
    seqs = await edge.seqs(
        edge.post(other, "fresh-001"),
        edge.post(room, "nonce-000000"),
        edge.post(room, "fresh-001"),
        edge.post(room, "nonce-000001"),
        edge.post(other, "fresh-002"),
    )
    assert seqs == [3, 3, many + 3, 4, 4]
    check_log(space, room)
    check_log(space, other)


async def test_a_projection_that_a_crash_left_behind_is_repaired_when_the_room_is_loaded(
    space: Space, edge: Gateway
) -> None:
    """The log has the room and its members; the collections made from it have nothing."""
    room = "crashed"
    entries: list[dict[str, object]] = [
        {"kind": "room.changed", "room_kind": "group", "name": "R", "topic": None, "public": False},
        {"kind": "member.joined", "user": "ann", "role": "owner"},
        {"kind": "member.joined", "user": "carl", "role": "member"},
    ]
    with space.mongo() as client:
        database = client.get_default_database()
        for seq, entry in enumerate(entries, 1):
            stored = entry | {"seq": seq, "sender": "ann", "at": 1, "n": 0}
            run = {"_id": {"room": room, "seq": seq}, "entries": [stored], "change": True}
            database["room_log"].insert_one(run)
        assert await edge.seqs(edge.post(room, "nonce-001", user="carl")) == [4]
        assert {document["_id"]["user"] for document in database["members"].find({"_id.room": room})} == {"ann", "carl"}
        stored_room = database["rooms"].find_one({"_id": room})
        assert stored_room is not None and (stored_room["members"], stored_room["rev"]) == (2, 3)
    assert (await edge.rpc.call(queries.ROOMS_OF, queries.RoomsOf(["carl", "nobody"]))).rooms == {"carl": [room]}


async def test_an_edit_whose_crash_left_the_message_as_it_was_can_be_sent_again(space: Space, edge: Gateway) -> None:
    await edge.ask(edge.create("edits"))
    await edge.seqs(edge.post("edits", "nonce-001"))
    edit = rooms.Edit(edge.ref(), "edits", "ann", "op-edit-1", 3, "second")
    assert await edge.seqs(edit) == [4]
    edit.ref = edge.ref()
    assert await edge.seqs(edit) == [4]
    assert log_of(space, "edits")[2]["body"] == "second"
    check_log(space, "edits")


async def test_changes_whose_writer_died_reach_their_messages_when_the_room_is_loaded(
    space: Space, edge: Gateway
) -> None:
    """The log has an edit, a reaction and a deletion; the messages that they are about are as they were posted."""
    room = "half-edited"
    message = {"kind": "message.created", "body": "first"}
    entries: list[dict[str, object]] = [
        {"kind": "room.changed", "room_kind": "group", "name": "R", "topic": None, "public": False},
        {"kind": "member.joined", "user": "ann", "role": "owner"},
        message | {"n": 1},
        message | {"n": 2},
        {"kind": "message.edited", "target": 3, "body": "second"},
        {"kind": "reaction.changed", "target": 3, "emoji": "+", "on": True},
        {"kind": "message.deleted", "target": 4},
    ]
    with space.mongo() as client:
        stored = [
            {"seq": seq, "sender": "ann", "at": 1, "n": 2 if seq > 4 else 0, "nonce": f"op-{seq}"} | entry
            for seq, entry in enumerate(entries, 1)
        ]
        commands = [f"ann op-{seq}" for seq in range(1, 8)]
        log = client.get_default_database()["room_log"]
        for part in (slice(3), slice(3, None)):  # a message in the run of its change, and one in an older run
            first = {"room": room, "seq": stored[part][0]["seq"]}
            log.insert_one({"_id": first, "entries": stored[part], "commands": commands[part], "change": True})
    assert await edge.seqs(edge.post(room, "nonce-001")) == [8]
    _, _, edited, deleted, *_ = log_of(space, room)
    assert (edited["body"], edited["rev"], edited["reactions"]) == ("second", 6, [{"emoji": "+", "user": "ann"}])
    assert (deleted["body"], deleted["deleted"], deleted["rev"]) == ("", True, 7)


async def test_a_gateway_that_is_gone_is_struck_off_for_new_owners_too(space: Space, edge: Gateway) -> None:
    await edge.ask(edge.create("gone"), edge.listen("gone"))
    async with gateway(space) as leaving:
        await leaving.ask(leaving.listen("gone"))
        with space.redis() as redis:
            assert redis.smembers(listeners_key("gone")) == {edge.queue, leaving.queue}
    await edge.seqs(edge.post("gone", "nonce-001"))

    async def struck_off() -> bool:
        with space.redis() as redis:
            return bool(redis.smembers(listeners_key("gone")) == {edge.queue})

    await eventually(struck_off, "the gateway that is gone is struck off")


async def test_commands_survive_a_database_that_goes_away_and_comes_back(space: Space, edge: Gateway) -> None:
    room = "outage"
    await edge.ask(edge.create(room), edge.listen(room))
    posts = [edge.post(room, f"nonce-{n:03}") for n in range(60)]

    async def send_all() -> None:
        for post in posts:
            await edge.send(post)
            await asyncio.sleep(0.02)

    sending = asyncio.create_task(send_all())
    await edge.answer(posts[5].ref)
    with database_stopped(space):
        await sending
        assert not edge.answers(posts[-1].ref)
    answers = [await edge.answer(post.ref, 60) for post in posts]
    assert [answer.seq for answer in answers if isinstance(answer, rooms.Stored)] == list(range(3, 63))
    await edge.until_event(room, 62)
    check_events(edge.events(room))
    assert len(check_log(space, room)) == 62


async def test_a_redis_that_goes_away_stops_no_room_that_is_in_memory(space: Space, edge: Gateway) -> None:
    await edge.ask(edge.create("no-redis"), edge.listen("no-redis"))
    space.servers.control("signal", "STOP", "redis")
    try:
        assert await edge.seqs(edge.post("no-redis", "nonce-001"), seconds=10) == [3]
    finally:
        space.servers.control("signal", "CONT", "redis")


class database_stopped:  # noqa: N801 - reads as what it is in a `with`
    """MongoDB's only member is down inside the context, and takes writes again after it."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def __enter__(self) -> None:
        self._space.servers.control("stop", "mongo-1")

    def __exit__(self, *_: object) -> None:
        self._space.servers.control("start", "mongo-1")
        with MongoClient[dict[str, object]](self._space.mongodb_uri, serverSelectionTimeoutMS=30_000) as client:
            client.get_default_database().command("ping")


async def test_a_refusal_says_why(edge: Gateway) -> None:
    await edge.ask(edge.create("public"))
    stranger, nowhere = edge.post("public", "nonce-001", user="eve"), edge.post("nowhere", "nonce-001")
    codes = [(await edge.ask(command))[0] for command in (stranger, nowhere)]
    assert [answer.code for answer in codes if isinstance(answer, rooms.Refused)] == [
        Code.NOT_A_MEMBER,
        Code.NOT_FOUND,
    ]


async def test_the_instance_is_still_the_same(messaging: Program) -> None:
    """Nothing in this module ended it."""
    assert messaging.is_running
