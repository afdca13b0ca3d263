"""One client's socket: what each frame does, and what a client that breaks the rules is told."""

from typing import Any

import pytest
from picows import WSMsgType

from tests.support.virtual_time import pass_time, ticks
from tests.unit.gateway.sockets.bench import Client, Frame, Server
from warren.contracts import rooms
from warren.contracts.errors import CloseCode
from warren.contracts.limits import FRAME_BYTES, FRAME_FRAGMENTS, PENDING_SENDS

SEND = {"op": "send", "room": "r", "nonce": "nonce-000", "body": "hello"}


@pytest.fixture
async def server() -> Server:
    return Server()


@pytest.fixture
async def client(server: Server) -> Client:
    return Client(server)


def answer(server: Server, given: rooms.Answer) -> None:
    server.commands.waiters.pop(given.ref)(given)


async def test_a_send_becomes_a_post_and_its_ack_names_the_nonce(server: Server, client: Client) -> None:
    assert await client.say(**SEND, id=7, reply_to=3, attachments=["a1"]) == []
    [post] = server.commands.commands
    assert post == rooms.Post(1, "r", "ann", "nonce-000", "hello", 3, None, ["a1"])
    answer(server, rooms.Stored(1, 12, 1_790_000_000_123))
    await ticks()
    [ack] = client.wire.texts
    assert ack == {
        "op": "ack", "id": 7, "room": "r", "nonce": "nonce-000", "seq": 12, "at": "2026-09-21T14:13:20.123Z",
    }  # fmt: skip


async def test_a_refused_send_is_an_error_with_its_id_and_when_to_try_again(server: Server, client: Client) -> None:
    await client.say(**SEND, id="x")
    answer(server, rooms.Refused(1, "overloaded", "later", 900))
    await ticks()
    assert client.wire.texts == [
        {"op": "error", "code": "overloaded", "detail": "later", "id": "x", "retry_after_ms": 900}
    ]


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        ({"op": "edit", "room": "r", "seq": 3, "body": "new"}, rooms.Edit),
        ({"op": "delete", "room": "r", "seq": 3}, rooms.Delete),
        ({"op": "react", "room": "r", "seq": 3, "emoji": "👍", "on": True}, rooms.React),
    ],
)
async def test_a_change_is_acknowledged_with_its_seq(
    server: Server, client: Client, frame: dict[str, Any], kind: type[rooms.Command]
) -> None:
    await client.say(**frame, id=1)
    await client.say(**frame, id=2)
    one, two = server.commands.commands
    assert type(one) is kind
    assert getattr(one, "op", None) != getattr(two, "op", None), "each change is one of its own"
    answer(server, rooms.Stored(1, 9, 0))
    await ticks()
    assert client.wire.texts == [{"op": "ack", "id": 1, "room": "r", "seq": 9}]


async def test_other_frames_go_where_they_belong(server: Server, client: Client) -> None:
    await client.say(op="read", room="r", seq=4)
    await client.say(op="watch", users=["bob", "cat"])
    await client.say(op="sync", room="r", after=3)
    await client.say(op="status", status="away")
    assert server.marks == [("r", "ann", 4)]
    assert server.watched == {"bob", "cat"}
    assert server.syncs[0].after == 3 and server.statuses[0].status == "away"
    assert await client.say(op="ping", id=5) == [{"op": "pong", "id": 5}]


async def test_typing_is_passed_on_once_a_second_and_its_end_at_once(server: Server, client: Client) -> None:
    for _ in range(5):
        await client.say(op="typing", room="r", on=True)
    await client.say(op="typing", room="r", on=False)
    await client.say(op="typing", room="r", on=True)
    await pass_time(0.5)
    await client.say(op="typing", room="r", on=True)
    said = [command.on for command in server.commands.commands if isinstance(command, rooms.Typing)]
    assert said == [True, False, True]
    assert client.wire.texts == []


async def test_only_so_many_commands_may_await_their_answer(server: Server, client: Client) -> None:
    for _ in range(PENDING_SENDS):
        assert await client.frame(Frame(b'{"op":"send","room":"r","nonce":"nonce-000","body":"hello"}')) == []
    [error] = await client.say(**SEND, id=1)
    assert (error["code"], error["id"]) == ("rate_limited", 1) and error["retry_after_ms"] > 0
    answer(server, rooms.Stored(1, 9, 0))
    assert [frame["op"] for frame in await client.say(**SEND, id=2)] == ["ack"]


async def test_a_full_gateway_refuses_and_nothing_counts_as_pending(server: Server, client: Client) -> None:
    server.commands.overloaded = True
    for _ in range(PENDING_SENDS + 1):
        [error] = await client.say(**SEND)
        assert error["code"] == "overloaded"


@pytest.mark.parametrize(
    "frame",
    [
        {**SEND, "surprise": 1},
        {**SEND, "nonce": "short"},
        {**SEND, "body": ""},
        {**SEND, "body": 5},
        {"op": "send", "room": "r"},
        {"op": "dance"},
        {"op": "read", "room": "r", "seq": -1},
        {"op": "watch", "users": ["x"] * 1001},
    ],
)
async def test_a_frame_that_is_not_as_documented_is_refused_by_its_id_and_the_socket_stays(
    server: Server, client: Client, frame: dict[str, Any]
) -> None:
    [error] = await client.say(**frame, id=9)
    assert error["op"] == "error" and error["code"] == "validation_failed" and error["id"] == 9
    assert client.close_code is None and server.commands.commands == []


async def test_a_body_is_normalised_and_one_that_is_empty_then_is_refused(server: Server, client: Client) -> None:
    await client.say(**{**SEND, "body": "cafe\u0301 \x00"})
    [post] = server.commands.commands
    assert isinstance(post, rooms.Post) and "caf\u00e9" in post.body and "\x00" not in post.body
    [error] = await client.say(**{**SEND, "body": "\x00"})
    assert error["code"] == "validation_failed"


@pytest.mark.parametrize("payload", [b"", b"{", b"hello", b"\xff", b'{"op"'])
async def test_what_is_not_json_closes(client: Client, payload: bytes) -> None:
    await client.frame(Frame(payload))
    assert client.close_code == CloseCode.MALFORMED


async def test_binary_frames_close(client: Client) -> None:
    await client.frame(Frame(b"x", WSMsgType.BINARY))
    assert client.close_code == CloseCode.MALFORMED


# Before ready


async def test_hello_comes_first_and_once(server: Server) -> None:
    client = Client(server, ready=False)
    await client.say(op="hello", token="t", rooms={"r": 4})
    assert server.greeted[0].rooms == {"r": 4}
    await client.say(op="ping")
    assert client.close_code == CloseCode.PROTOCOL_VIOLATION


async def test_anything_else_first_closes(server: Server) -> None:
    client = Client(server, ready=False)
    await client.say(**SEND)
    assert client.close_code == CloseCode.PROTOCOL_VIOLATION and server.greeted == []


async def test_a_bad_hello_closes(server: Server) -> None:
    client = Client(server, ready=False)
    await client.say(op="hello")
    assert client.close_code == CloseCode.MALFORMED


async def test_a_second_hello_closes(client: Client) -> None:
    await client.say(op="hello", token="t")
    assert client.close_code == CloseCode.PROTOCOL_VIOLATION


# Fragments


def fragments(parts: list[bytes]) -> list[Frame]:
    kinds = [WSMsgType.TEXT] + [WSMsgType.CONTINUATION] * (len(parts) - 1)
    return [
        Frame(part, kind, fin=index == len(parts) - 1)
        for index, (part, kind) in enumerate(zip(parts, kinds, strict=True))
    ]


async def test_fragments_make_one_message(client: Client) -> None:
    assert await client.frame(*fragments([b'{"op":', b'"ping",', b'"id":1}'])) == [{"op": "pong", "id": 1}]
    assert await client.say(op="ping", id=2) == [{"op": "pong", "id": 2}]


async def test_too_many_fragments_close(client: Client) -> None:
    await client.frame(*fragments([b" "] * FRAME_FRAGMENTS + [b"{}"]))
    assert client.close_code == CloseCode.TOO_LARGE


async def test_too_many_bytes_close_in_one_frame_or_in_several(server: Server) -> None:
    whole, parts = Client(server), Client(server)
    await whole.frame(Frame(b" " * (FRAME_BYTES + 1)))
    await parts.frame(*fragments([b" " * (FRAME_BYTES // 2), b" " * (FRAME_BYTES // 2 + 1), b"{}"]))
    assert whole.close_code == parts.close_code == CloseCode.TOO_LARGE


@pytest.mark.parametrize(
    "frames",
    [
        [Frame(b"x", WSMsgType.CONTINUATION)],
        [Frame(b"{", fin=False), Frame(b"{}")],
        [Frame(b"{", fin=False), Frame(b"{", fin=False)],
    ],
)
async def test_fragments_out_of_order_close(client: Client, frames: list[Frame]) -> None:
    await client.frame(*frames)
    assert client.close_code == CloseCode.PROTOCOL_VIOLATION


# Ends


async def test_a_close_is_answered_and_nothing_is_taken_after_it(server: Server, client: Client) -> None:
    await client.frame(Frame(b"", WSMsgType.CLOSE))
    assert client.close_code == 1000 and client.connection.closed
    await client.say(**SEND)
    assert server.commands.commands == []


async def test_a_lost_socket_tells_its_server_and_late_answers_do_no_harm(server: Server, client: Client) -> None:
    await client.say(**SEND)
    client.connection.on_ws_disconnected(client.wire)  # type: ignore[arg-type]
    assert server.open == set()
    answer(server, rooms.Stored(1, 9, 0))
    await ticks()
    assert client.wire.texts == []


async def test_a_pong_counts_as_an_answer_to_all_pings(client: Client) -> None:
    client.connection.pings = 2
    await client.frame(Frame(b"", WSMsgType.PONG))
    assert client.connection.pings == 0


async def test_who_sends_too_fast_is_refused_and_then_closed() -> None:
    client = Client(Server(rate_limits=True))
    codes = [frame.get("code", "pong") for _ in range(391) for frame in await client.say(op="ping")]
    assert codes[:90] == ["pong"] * 90
    assert set(codes[90:]) == {"rate_limited"}
    assert client.close_code == CloseCode.TOO_FAST
