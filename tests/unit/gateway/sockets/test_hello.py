"""From `hello` to `ready`: who it is, which rooms, and what they missed, or why not."""

import asyncio
from typing import Any, cast

import pytest

from services.gateway.rooms.local_rooms import LINGER_SECONDS
from services.gateway.rooms.memberships import Memberships
from services.gateway.sessions import Session, Sessions
from services.gateway.sockets.hello import OPEN_SECONDS, Greeter
from tests.support.virtual_time import pass_time, ticks
from tests.unit.gateway.rooms.room_bench import ROOM, RoomBench
from tests.unit.gateway.sockets.bench import Client, Server
from warren.chassis.lifecycle import Tasks
from warren.chassis.rpc_client import RpcClient
from warren.contracts import queries, socket
from warren.contracts.errors import CloseCode, Code, Refusal
from warren.contracts.events import MemberAdded


class Bench:
    """A greeter with sessions and a list of rooms that are only said here."""

    def __init__(self, tasks: Tasks) -> None:
        self.rooms = RoomBench(tasks)
        self.refusal: Refusal | None = None
        self.mine = [ROOM]
        self.greeter = Greeter("gateway-1", cast(Sessions, self), Memberships(cast(RpcClient, self)), self.rooms.rooms)
        self.client = Client(Server(), ready=False)

    async def authenticate(self, token: str) -> Session:
        await ticks(1)
        if self.refusal is not None:
            raise self.refusal
        return Session(token, "session-1", 2_000_000_000)

    async def call(self, method: object, request: queries.RoomsOf) -> queries.RoomIds:
        assert method is queries.ROOMS_OF
        return queries.RoomIds(dict.fromkeys(request.users, self.mine))

    def greet(self, token: str = "ann", **fields: Any) -> "asyncio.Task[bool]":
        hello = socket.Hello(token, **fields)
        self.client.connection.greeting = True
        return asyncio.create_task(self.greeter.greet(self.client.connection, hello))

    async def greeted(self, token: str = "ann", **fields: Any) -> bool:
        greeting = self.greet(token, **fields)
        await self.rooms.catch_up()
        done = await greeting
        await ticks()
        return done

    @property
    def ops(self) -> list[str]:
        return [frame["op"] for frame in self.client.wire.texts]


@pytest.fixture
async def bench(tasks: Tasks) -> Bench:
    return Bench(tasks)


async def test_ready_says_who_one_is_and_where_each_room_is_and_then_comes_what_was_missed(bench: Bench) -> None:
    assert await bench.greeted(rooms={ROOM: 8, "elsewhere": 3})
    ready = bench.client.wire.texts[0]
    assert ready == {
        "op": "ready", "user": "ann", "session_id": "session-1", "connection_id": bench.client.connection.id,
        "server_id": "gateway-1", "heartbeat_ms": 25_000, "rooms": {ROOM: 10},
    }  # fmt: skip
    assert [frame["seq"] for frame in bench.client.wire.texts[1:]] == [9, 10]
    bench.rooms.happen()
    await ticks()
    assert bench.client.wire.texts[-1]["seq"] == 11


async def test_rooms_that_were_not_named_start_at_their_head(bench: Bench) -> None:
    assert await bench.greeted()
    assert bench.ops == ["ready"]


async def test_a_room_that_one_was_removed_from_meanwhile_is_left_out(bench: Bench) -> None:
    assert await bench.greeted("eve", rooms={ROOM: 5})
    assert bench.client.wire.texts[0]["rooms"] == {} and bench.ops == ["ready"]


async def test_a_room_that_does_not_exist_any_more_is_left_out(bench: Bench) -> None:
    bench.mine = ["gone"]
    greeting = bench.greet()
    await ticks()
    bench.rooms.owner.refuse(Code.NOT_FOUND)
    assert await greeting
    await ticks()
    assert bench.client.wire.texts[0]["rooms"] == {}


async def test_a_room_that_one_is_added_to_before_ready_is_added_after_it(bench: Bench) -> None:
    bench.mine = []
    bench.rooms.owner.write(joined="cat")
    greeting = bench.greet("cat")
    await ticks(2)
    bench.rooms.rooms.on_added(MemberAdded(ROOM, ["cat"]))
    assert await greeting
    await bench.rooms.catch_up()
    assert bench.ops == ["ready", "notice", "event"]


async def test_an_event_during_hello_is_given_once(bench: Bench) -> None:
    greeting = bench.greet(rooms={ROOM: 10})
    await ticks()
    bench.rooms.owner.answer()
    bench.rooms.happen()
    await greeting
    bench.rooms.happen()
    await ticks()
    assert [frame.get("seq") for frame in bench.client.wire.texts] == [None, 11, 12]


async def test_a_room_that_is_let_go_while_another_one_opens_is_opened_again(bench: Bench) -> None:
    """Else the socket would sit in a room that nobody keeps in step, and would never hear of it."""
    before = await bench.rooms.socket("bob")
    bench.rooms.rooms.audience.left(before.as_connection)
    await pass_time(LINGER_SECONDS - 1)
    bench.mine = [ROOM, "other"]
    greeting = bench.greet(rooms={ROOM: 10})
    await pass_time(2)
    assert bench.rooms.owner.unlistens == 1
    bench.rooms.owner.answer()
    await bench.rooms.catch_up()
    assert await greeting
    bench.rooms.happen()
    await ticks()
    assert [frame.get("seq") for frame in bench.client.wire.texts] == [None, 11]


@pytest.mark.parametrize(
    ("code", "close"),
    [
        (Code.UNAUTHENTICATED, CloseCode.UNAUTHENTICATED),
        (Code.TOKEN_EXPIRED, CloseCode.UNAUTHENTICATED),
        (Code.SESSION_REVOKED, CloseCode.SESSION_REVOKED),
        (Code.UNAVAILABLE, CloseCode.GOING_AWAY),
    ],
)
async def test_who_is_turned_away_is_told_why_and_closed(bench: Bench, code: Code, close: int) -> None:
    bench.refusal = Refusal(code, "no")
    assert not await bench.greeted()
    await ticks()
    assert [(frame["op"], frame["code"]) for frame in bench.client.wire.texts] == [("error", code)]
    assert bench.client.close_code == close
    assert bench.rooms.rooms.audience.sockets_of("ann") == set()


async def test_rooms_that_cannot_be_opened_in_time_turn_the_socket_away_to_try_again(bench: Bench) -> None:
    greeting = bench.greet()
    await pass_time(OPEN_SECONDS + 1)
    assert not await greeting
    await ticks()
    assert bench.client.wire.texts[0]["retry_after_ms"] > 0
    assert bench.client.close_code == CloseCode.GOING_AWAY
    assert bench.rooms.rooms.audience.sockets_of("ann") == set()


async def test_a_client_that_went_away_during_hello_leaves_nothing_behind(bench: Bench) -> None:
    greeting = bench.greet()
    await ticks()
    bench.client.connection.on_ws_disconnected(bench.client.wire)  # type: ignore[arg-type]
    await bench.rooms.catch_up()
    assert not await greeting
    assert bench.client.wire.texts == []
    assert bench.rooms.rooms.audience.sockets_of("ann") == set()
    assert (await bench.rooms.rooms.live(ROOM)).sockets == set()
