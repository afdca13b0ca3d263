"""People who speak REST with a gateway."""

import secrets
from dataclasses import dataclass
from typing import Any

import httpx

PASSWORD = "correct horse battery"


@dataclass
class Person:
    """Somebody signed in, with a client that bears their token."""

    id: str
    username: str
    signed_in: dict[str, Any]
    http: httpx.Client

    def make_room(self, **fields: object) -> dict[str, Any]:
        answer = self.http.post("/rooms", json={"kind": "group", "name": "den", **fields})
        assert answer.status_code == 201, answer.text
        room: dict[str, Any] = answer.json()
        return room

    def say(self, room: str, body: str, nonce: str | None = None) -> httpx.Response:
        return self.http.post(f"/rooms/{room}/messages", json={"nonce": nonce or secrets.token_hex(8), "body": body})


def sign_up(api: str, username: str | None = None) -> Person:
    name = username or f"user-{secrets.token_hex(4)}"
    client = httpx.Client(base_url=api, trust_env=False, timeout=10)
    answer = client.post(
        "/auth/register", json={"username": name, "email": f"{name}@example.org", "password": PASSWORD}
    )
    assert answer.status_code == 201, answer.text
    client.cookies.clear()
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return Person(answer.json()["user"]["id"], name, answer.json(), client)


def check_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem
