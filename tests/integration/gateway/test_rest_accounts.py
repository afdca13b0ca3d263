"""REST of a gateway: accounts, sessions, users, and the contract's own page; statuses and refusals."""

import secrets

import httpx
import pytest

from tests.integration.gateway.people import PASSWORD, Person, check_problem

ORIGIN = "http://localhost:3000"


def test_sign_up_sign_in_me_sign_out(anonymous: httpx.Client) -> None:
    name = f"user-{secrets.token_hex(4)}"
    email = f"{name}@example.org"
    made = anonymous.post("/auth/register", json={"username": name, "email": email, "password": PASSWORD})
    assert made.status_code == 201
    for login in (name, email):
        answer = anonymous.post("/auth/login", json={"login": login, "password": PASSWORD})
        assert answer.status_code == 200
        assert set(answer.json()) == {"user", "access_token", "refresh_token", "expires_in", "session_id"}
        assert answer.json()["expires_in"] == 900
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    me = anonymous.get("/auth/me", headers=bearer)
    assert me.json()["username"] == name
    assert me.json()["email"] == email
    assert me.headers["cache-control"] == "no-store"
    assert anonymous.post("/auth/logout", headers=bearer).status_code == 204
    check_problem(anonymous.get("/auth/me", headers=bearer), 401, "session_revoked")


def test_the_refresh_cookie_is_out_of_reach_of_scripts_and_of_other_paths(anonymous: httpx.Client) -> None:
    name = f"user-{secrets.token_hex(4)}"
    body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
    cookie = anonymous.post("/auth/register", json=body, headers={"X-Forwarded-Proto": "https"}).headers["set-cookie"]
    assert cookie.startswith("warren_refresh=")
    assert {"Path=/api/v1/auth", "HttpOnly", "SameSite=Strict", "Secure"} <= set(cookie.split("; "))


def test_refresh_works_by_cookie_from_an_allowed_origin_only(anonymous: httpx.Client, ada: Person) -> None:
    anonymous.cookies.set("warren_refresh", ada.signed_in["refresh_token"])
    check_problem(anonymous.post("/auth/refresh", headers={"Origin": "http://localhost:9999"}), 403, "forbidden")
    answer = anonymous.post("/auth/refresh", headers={"Origin": ORIGIN})
    assert answer.status_code == 200
    assert answer.json()["session_id"] == ada.signed_in["session_id"]
    assert answer.json()["refresh_token"] != ada.signed_in["refresh_token"]


def test_a_reused_refresh_token_ends_the_session(anonymous: httpx.Client, ada: Person) -> None:
    token = ada.signed_in["refresh_token"]
    for _ in range(2):
        answer = anonymous.post("/auth/refresh", json={"refresh_token": token})
        assert answer.status_code == 200
        token = answer.json()["refresh_token"]
    reused = anonymous.post("/auth/refresh", json={"refresh_token": ada.signed_in["refresh_token"]})
    check_problem(reused, 401, "session_revoked")
    check_problem(ada.http.get("/auth/me"), 401, "session_revoked")


def test_refresh_without_any_token_asks_to_sign_in(anonymous: httpx.Client) -> None:
    check_problem(anonymous.post("/auth/refresh"), 401, "unauthenticated")


def test_a_wrong_password_is_unauthenticated(anonymous: httpx.Client, ada: Person) -> None:
    wrong = anonymous.post("/auth/login", json={"login": ada.username, "password": "not this one"})
    problem = check_problem(wrong, 401, "unauthenticated")
    assert problem["detail"] == "The login or the password is wrong."


def test_a_taken_username_is_a_conflict_on_that_field(anonymous: httpx.Client, ada: Person) -> None:
    body = {"username": ada.username.upper(), "email": f"{secrets.token_hex(4)}@example.org", "password": PASSWORD}
    problem = check_problem(anonymous.post("/auth/register", json=body), 409, "conflict")
    assert problem["errors"][0]["field"] == "username"


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"username": "x", "email": "nobody", "password": "short"}, {"username", "email", "password"}),
        ({"username": "abc", "email": "a@b.c", "password": PASSWORD, "admin": True}, {"admin"}),
        ({"username": "abc"}, {"email"}),
        ({"username": 5, "email": "a@b.c", "password": PASSWORD}, {"username"}),
    ],
)
def test_bad_fields_are_named(anonymous: httpx.Client, body: dict[str, object], fields: set[str]) -> None:
    problem = check_problem(anonymous.post("/auth/register", json=body), 422, "validation_failed")
    assert {error["field"] for error in problem["errors"]} == fields


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "x" * 5000])
def test_a_token_that_auth_did_not_make_is_unauthenticated(anonymous: httpx.Client, token: str) -> None:
    answer = anonymous.get("/auth/me", headers={"Authorization": f"Bearer {token}"})
    check_problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


# Users


def test_users_are_found_by_the_start_of_their_name(ada: Person, bob: Person) -> None:
    found = ada.http.get("/users", params={"query": bob.username[:-1]}).json()
    assert bob.id in [user["id"] for user in found["items"]]
    assert "email" not in found["items"][0]
    assert ada.http.get(f"/users/{bob.id}").json()["username"] == bob.username


@pytest.mark.parametrize("user", ["nobody", "a%20b", "x" * 65, "%0a", "a%2Fb"])
def test_an_unknown_user_is_not_found_whatever_their_id_looks_like(ada: Person, user: str) -> None:
    check_problem(ada.http.get(f"/users/{user}"), 404, "not_found")


def test_somebody_without_a_connection_is_offline(ada: Person, bob: Person) -> None:
    found = ada.http.get("/presence", params={"users": f"{bob.id},{ada.id}"}).json()
    assert {row["user"]: row["status"] for row in found["items"]} == {bob.id: "offline", ada.id: "offline"}
    check_problem(ada.http.get("/presence"), 422, "validation_failed")


# The contract itself


def test_what_a_person_on_the_machine_may_ask_is_documented(anonymous: httpx.Client) -> None:
    openapi = anonymous.get("/openapi.json").json()
    assert openapi["openapi"] == "3.1.0"
    assert "/rooms/{room}/messages" in openapi["paths"]
    page = anonymous.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
