"""How the edge answers what goes wrong, over real HTTP with endpoints of the test's own."""

import secrets
from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest
from sanic import HTTPResponse

from services.gateway.limits import REQUESTS, RateLimits
from services.gateway.rest.app import install_endpoints
from services.gateway.rest.endpoint import Call, Endpoint, Taking, answer, nothing
from services.gateway.sessions import Session
from tests.support.processes import free_port
from warren.chassis.health import Health
from warren.chassis.lifecycle import Tasks
from warren.chassis.ops import OpsServer, make_app
from warren.contracts import limits, rest
from warren.contracts.errors import Code, Refusal


class Greeting(rest.Body):
    name: str


class KnownTokens:
    """Stands for Sessions: the token is the user's name."""

    async def authenticate(self, access_token: str) -> Session:
        if access_token == "expired":
            raise Refusal(Code.TOKEN_EXPIRED, "The access token has expired; refresh it.")
        return Session(access_token, "s1", 0)


async def greet(call: Call, body: Greeting) -> HTTPResponse:
    return answer({"hello": body.name, "from": call.user})


async def seen(call: Call) -> HTTPResponse:
    return answer([call.id("room"), call.seq(), call.limit(), call.number("after"), call.address])


async def fail(_call: Call) -> HTTPResponse:
    raise RuntimeError("the password of the database is hunter2")


async def refuse(_call: Call) -> HTTPResponse:
    raise Refusal(Code.OVERLOADED, "Too much; try again.", retry_after_ms=2500)


async def done(_call: Call) -> HTTPResponse:
    return nothing()


ENDPOINTS = [
    Endpoint("Test", "POST", "/greetings", Taking(Greeting, greet), {200: None}, ""),
    Endpoint("Test", "GET", "/rooms/{room}/messages/{seq}", seen, {200: None}, ""),
    Endpoint("Test", "GET", "/failure", fail, {200: None}, "", open=True),
    Endpoint("Test", "GET", "/refusal", refuse, {200: None}, "", open=True),
    Endpoint("Test", "DELETE", "/things", done, {204: None}, "", open=True),
]


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    tasks = Tasks()
    app = make_app(Health(f"test-{secrets.token_hex(4)}", "test-1", "0", tasks))
    app.config.TOUCHUP = False  # Sanic can rewrite its own methods once in a process only
    stopped = RateLimits(True, lambda: 0.0)  # no time passes, so that a slow machine earns nothing back
    install_endpoints(app, ENDPOINTS, KnownTokens(), stopped)
    port = free_port()
    server = OpsServer(app, "127.0.0.1", port, tasks)
    await server.start()
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}/api/v1", headers={"Authorization": "Bearer ada"}, trust_env=False
    ) as client:
        yield client
    await server.stop()
    await tasks.cancel_all()


def check(response: httpx.Response, status: int, code: Code) -> dict[str, object]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, object] = response.json()
    assert (problem["code"], problem["status"]) == (code, status)
    assert problem["request_id"] == response.headers["x-request-id"]
    return problem


async def test_a_good_request_is_answered(http: httpx.AsyncClient) -> None:
    response = await http.post("/greetings", json={"name": "bob"})
    assert response.json() == {"hello": "bob", "from": "ada"}
    assert response.headers["cache-control"] == "no-store"
    assert (await http.delete("/things")).status_code == 204


async def test_the_callers_request_id_comes_back_and_a_bad_one_is_replaced(http: httpx.AsyncClient) -> None:
    kept = await http.post("/greetings", json={"name": "bob"}, headers={"X-Request-Id": "abc-12345"})
    assert kept.headers["x-request-id"] == "abc-12345"
    replaced = await http.post("/greetings", json={"name": "bob"}, headers={"X-Request-Id": 'x"; DROP'})
    assert replaced.headers["x-request-id"] not in ("", 'x"; DROP')


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"name": "\xff"}', b'{"name": "\\ud800"}', b'{"name": "a"} x'])
async def test_what_is_not_json_is_a_bad_request(http: httpx.AsyncClient, body: bytes) -> None:
    response = await http.post("/greetings", content=body, headers={"Content-Type": "application/json"})
    check(response, 400, Code.BAD_REQUEST)


async def test_another_content_type_is_a_bad_request(http: httpx.AsyncClient) -> None:
    """So that a form of another site cannot post here."""
    check(await http.post("/greetings", data={"name": "bob"}), 400, Code.BAD_REQUEST)
    typed = {"Content-Type": "application/json; charset=utf-8"}
    assert (await http.post("/greetings", content=b'{"name": "bob"}', headers=typed)).status_code == 200


async def test_an_unknown_field_is_refused_by_name(http: httpx.AsyncClient) -> None:
    problem = check(await http.post("/greetings", json={"name": "x", "nmae": "y"}), 422, Code.VALIDATION_FAILED)
    assert msgspec.convert(problem["errors"], list[dict[str, str]])[0]["field"] == "nmae"


async def test_a_fault_of_ours_is_logged_and_never_shown(
    http: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    response = await http.get("/failure")
    check(response, 500, Code.INTERNAL)
    assert "hunter2" not in response.text
    assert "Traceback" not in response.text
    assert "hunter2" in capsys.readouterr().out


async def test_a_refusal_says_when_to_retry(http: httpx.AsyncClient) -> None:
    response = await http.get("/refusal")
    assert check(response, 503, Code.OVERLOADED)["retry_after_ms"] == 2500
    assert response.headers["retry-after"] == "3"


async def test_an_unknown_path_is_not_found(http: httpx.AsyncClient) -> None:
    for path in ("/nothing", "/rooms//messages/1", "/../../etc/passwd"):
        check(await http.get(path), 404, Code.NOT_FOUND)


async def test_another_method_is_not_allowed_and_says_which_is(http: httpx.AsyncClient) -> None:
    response = await http.put("/greetings", json={})
    check(response, 405, Code.BAD_REQUEST)
    assert response.headers["allow"] == "POST"


async def test_a_body_beyond_the_bound_is_too_large(http: httpx.AsyncClient) -> None:
    response = await http.post("/greetings", json={"name": "x" * limits.REQUEST_BYTES})
    check(response, 413, Code.TOO_LARGE)


@pytest.mark.parametrize("header", [None, "Basic YTpi", "Bearer", "ada"])
async def test_without_a_bearer_token_one_has_to_sign_in(http: httpx.AsyncClient, header: str | None) -> None:
    del http.headers["authorization"]
    headers = {"Authorization": header} if header else {}
    check(await http.post("/greetings", json={"name": "x"}, headers=headers), 401, Code.UNAUTHENTICATED)


async def test_who_may_not_ask_is_told_before_the_body_is_looked_at(http: httpx.AsyncClient) -> None:
    response = await http.post("/greetings", content=b"{", headers={"Authorization": "Bearer expired"})
    check(response, 401, Code.TOKEN_EXPIRED)


async def test_too_many_requests_are_refused_by_user(http: httpx.AsyncClient) -> None:
    statuses = [(await http.post("/greetings", json={"name": "x"})).status_code for _ in range(REQUESTS.burst)]
    assert statuses == [200] * REQUESTS.burst
    limited = await http.post("/greetings", json={"name": "x"})
    check(limited, 429, Code.RATE_LIMITED)
    assert limited.headers["retry-after"] == "1"
    other = await http.post("/greetings", json={"name": "x"}, headers={"Authorization": "Bearer bob"})
    assert other.status_code == 200


async def test_paths_and_queries_are_checked(http: httpx.AsyncClient) -> None:
    good = await http.get("/rooms/r1/messages/7?limit=200&after=3&unknown=1")
    assert good.json() == ["r1", 7, 200, 3, "127.0.0.1"]
    for path in ("a%20b/messages/7", "%0a/messages/7", "r1%0a/messages/7", "r1/messages/0", "r1/messages/-1",
                 "r1/messages/x", "r1/messages/99999999999999999", "r1/messages/%D9%A1"):  # fmt: skip
        check(await http.get(f"/rooms/{path}"), 404, Code.NOT_FOUND)
    for query in ("limit=0", "limit=201", "limit=ten", "limit=-1", "after=x", "after=-1", "after=1.5"):
        check(await http.get(f"/rooms/r1/messages/7?{query}"), 422, Code.VALIDATION_FAILED)


async def test_health_stays_what_it_is(http: httpx.AsyncClient) -> None:
    root = str(http.base_url).removesuffix("/api/v1/")
    assert (await http.get(f"{root}/health")).text == "ok"
