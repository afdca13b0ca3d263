"""What the doors say to those who may not come in, and to what they cannot read. Never a stack trace."""

import secrets
import time
from typing import Any

import httpx
import jwt

from tests.support.client import Socket, new_nonce
from tests.system.conftest import World
from warren.contracts.limits import FRAME_BYTES, HELLO_SECONDS


def check_problem(answer: httpx.Response, status: int, code: str) -> Any:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["type"] and problem["title"] and problem["detail"]
    assert "Traceback" not in answer.text
    return problem


async def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(world: World) -> None:
    ada = await world.person("ada")
    url = f"{world.stack.app}/api/v1/auth/login"
    wrong = await world.http.post(url, json={"login": ada.username, "password": "not my password"})
    unknown = await world.http.post(
        url, json={"login": f"nobody-{secrets.token_hex(4)}", "password": "not my password"}
    )
    first, second = check_problem(wrong, 401, "unauthenticated"), check_problem(unknown, 401, "unauthenticated")
    assert first["detail"] == second["detail"]


async def test_a_taken_username_is_a_conflict_that_names_the_field(world: World) -> None:
    ada = await world.person("ada")
    body = {"username": ada.username, "email": "another@example.com", "password": "a good password"}
    answer = await world.http.post(f"{world.stack.app}/api/v1/auth/register", json=body)
    problem = check_problem(answer, 409, "conflict")
    assert "username" in problem["detail"].lower()


async def test_a_room_one_is_not_a_member_of_does_not_exist_or_has_to_be_joined(world: World) -> None:
    ada, eve = await world.people("ada", "eve")
    private, public = await ada.group(), await ada.group(public=True)
    message = {"nonce": new_nonce(), "body": "Hello?"}
    nowhere = await eve.call("GET", "/rooms/no-such-room/messages")
    for method, path, body in (
        ("GET", f"/rooms/{private}", None),
        ("GET", f"/rooms/{private}/messages", None),
        ("GET", f"/rooms/{private}/events", None),
        ("GET", f"/rooms/{private}/members", None),
        ("POST", f"/rooms/{private}/messages", message),
        ("POST", f"/rooms/{private}/join", None),
    ):
        problem = check_problem(await eve.call(method, path, body), 404, "not_found")
        assert problem["detail"] == nowhere.json()["detail"], "what may not be seen must look like what does not exist"
    for method, path, body in (
        ("GET", f"/rooms/{public}/messages", None),
        ("POST", f"/rooms/{public}/messages", message),
    ):
        check_problem(await eve.call(method, path, body), 403, "not_a_member")

    socket = await world.online(eve)
    assert (await socket.send(private, "Hello?"))["code"] == "not_found"
    assert (await socket.send(public, "Hello?"))["code"] == "not_a_member"
    await eve.ok("POST", f"/rooms/{public}/join")
    assert (await socket.send(public, "Hello."))["op"] == "ack"


async def test_a_malformed_frame_closes_with_4400_and_a_wrong_field_is_an_error_on_that_frame(world: World) -> None:
    ada = await world.person("ada")
    socket = await world.online(ada)
    socket.say(op="send", id="a", room="r", nonce="short", body="x")
    error = await socket.op("error", id="a")
    assert error["code"] == "validation_failed"
    socket.say(op="ping", id="still here")
    await socket.op("pong", id="still here")
    socket.say_raw(b"{this is not JSON")
    assert await socket.wait_closed() == 4400


async def test_a_socket_that_does_not_begin_with_hello_is_closed(world: World) -> None:
    for first, code in (({"op": "ping"}, 4409), ({"op": "hello"}, 4400), ({"op": "hello", "token": "x"}, 4401)):
        socket = await world.raw_socket()
        socket.say(**first)
        assert await socket.wait_closed() == code, first


async def test_an_expired_token_is_said_to_be_expired(world: World) -> None:
    ada = await world.person("ada")
    secret = world.stack.secret("jwt-secret")
    claims = jwt.decode(ada.token, options={"verify_signature": False})
    expired = jwt.encode({**claims, "exp": int(time.time()) - 60}, secret, algorithm="HS256")
    socket = await world.raw_socket()
    socket.say(op="hello", token=expired)
    assert (await socket.op("error"))["code"] == "token_expired"
    assert await socket.wait_closed() == 4401
    answer = await world.http.get(f"{world.stack.app}/api/v1/auth/me", headers={"Authorization": f"Bearer {expired}"})
    check_problem(answer, 401, "token_expired")


async def test_a_token_signed_by_somebody_else_is_refused(world: World) -> None:
    ada = await world.person("ada")
    claims = jwt.decode(ada.token, options={"verify_signature": False})
    for forged in (
        jwt.encode(claims, "another secret, just as long as ours is", algorithm="HS256"),
        jwt.encode(claims, None, algorithm="none"),
    ):
        socket = await world.raw_socket()
        socket.say(op="hello", token=forged)
        assert (await socket.op("error"))["code"] == "unauthenticated"
        assert await socket.wait_closed() == 4401


async def test_signing_out_closes_the_sockets_of_that_session_and_of_no_other(world: World) -> None:
    ada = await world.person("ada")
    other_device = await world.http.post(
        f"{world.stack.app}/api/v1/auth/login", json={"login": ada.username, "password": ada.password}
    )
    here = [await world.online(ada, gateway=gateway) for gateway in (0, 1)]
    elsewhere = await world.raw_socket()
    elsewhere.say(op="hello", token=other_device.json()["access_token"])
    await elsewhere.op("ready")

    await ada.ok("POST", "/auth/logout")
    for socket in here:
        assert await socket.wait_closed(seconds=2) == 4403
        assert (await socket.op("notice"))["kind"] == "session_ended"
    check_problem(await ada.call("GET", "/auth/me"), 401, "session_revoked")
    again = await world.raw_socket()
    again.say(op="hello", token=ada.token)
    assert await again.wait_closed() == 4403
    elsewhere.say(op="ping", id=1)
    await elsewhere.op("pong", id=1)


async def test_a_frame_over_64_kib_closes_with_4413(world: World) -> None:
    socket = await world.online(await world.person("ada"))
    socket.say(op="ping", id="x" * FRAME_BYTES)
    assert await socket.wait_closed() == 4413


async def test_a_page_of_another_origin_gets_no_socket(world: World) -> None:
    try:
        socket = await Socket.connect(world.stack.ws, origin="http://evil.example")
    except Exception as error:
        assert "403" in str(error), error
    else:
        socket.cut()
        raise AssertionError("a foreign origin was let in")


async def test_operators_pages_are_not_public_and_the_health_page_is(world: World) -> None:
    assert (await world.http.get(f"{world.stack.app}/health")).text == "ok"
    for path in ("/metrics", "/health/ready", "/health/live"):
        assert (await world.http.get(f"{world.stack.app}{path}")).status_code == 404


async def test_a_socket_that_says_nothing_is_closed_in_time(world: World) -> None:
    socket, begun = await world.raw_socket(), time.monotonic()
    assert await socket.wait_closed(HELLO_SECONDS + 5) == 4409
    assert time.monotonic() - begun > HELLO_SECONDS - 1
