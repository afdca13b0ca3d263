"""Sends one message round through nginx, as a browser would: sign in, open a socket, send, see `ack` and `event`.

That every instance is ready does not say that they work together; this does. The account and its room are made once and
used again at each start, so nothing piles up.
"""

import json
import secrets
import time
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from infra.deploy.errors import DeployError
from infra.deploy.run_dir import RunDir, write_private

WAIT_SECONDS = 40.0
ANSWER_SECONDS = 10.0
RETRY_SECONDS = 0.5
ROOM_NAME = "Warren check"


@dataclass(frozen=True)
class Account:
    """The account of the check, kept in the run directory's secrets."""

    username: str
    password: str


class NotYet(Exception):
    """This try failed; the text says at which step and why."""


def check(app_url: str, run: RunDir) -> float:
    """Seconds from `send` to both answers. `app_url` is the public origin, for example http://localhost:3000.

    Tries again for a while, as the first requests may meet a gateway that has just come. Raises DeployError then.
    """
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return _try(app_url, run)
        except (NotYet, requests.RequestException, WebSocketException, OSError) as error:
            if time.monotonic() > until:
                raise DeployError(f"no message goes round through {app_url}: {error} (see `logs gateway`)") from error
            time.sleep(RETRY_SECONDS)


def _try(app_url: str, run: RunDir) -> float:
    with requests.Session() as http:
        token = _sign_in(http, app_url, run)
        http.headers["Authorization"] = f"Bearer {token}"
        try:
            room = _room(http, app_url)
            return _send_and_see(app_url, token, room)
        finally:
            http.post(f"{app_url}/api/v1/auth/logout", timeout=ANSWER_SECONDS)


def _sign_in(http: requests.Session, app_url: str, run: RunDir) -> str:
    """An access token of the kept account, or of a new one when there is none or the server does not know it."""
    path = run.secret_path("check-account.json")
    if path.exists():
        account = Account(**json.loads(path.read_text()))
        body = {"login": account.username, "password": account.password}
        answer = http.post(f"{app_url}/api/v1/auth/login", json=body, timeout=ANSWER_SECONDS)
        if answer.status_code != requests.codes.unauthorized:
            return str(_json(answer, "sign in")["access_token"])
    account = Account(f"warren-check-{secrets.token_hex(4)}", secrets.token_urlsafe(24))
    body = {"username": account.username, "password": account.password, "email": f"{account.username}@example.com"}
    answer = http.post(f"{app_url}/api/v1/auth/register", json=body, timeout=ANSWER_SECONDS)
    token = str(_json(answer, "register")["access_token"])
    write_private(path, json.dumps(asdict(account)))
    return token


def _room(http: requests.Session, app_url: str) -> str:
    listed = _json(http.get(f"{app_url}/api/v1/rooms", timeout=ANSWER_SECONDS), "list rooms")
    for entry in listed["items"]:
        if entry["room"]["name"] == ROOM_NAME:
            return str(entry["room"]["id"])
    body = {"kind": "group", "name": ROOM_NAME}
    made = _json(http.post(f"{app_url}/api/v1/rooms", json=body, timeout=ANSWER_SECONDS), "make a room")
    return str(made["id"])


def _send_and_see(app_url: str, token: str, room: str) -> float:
    parts = urlsplit(app_url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    with connect(
        f"{scheme}://{parts.netloc}/ws",
        origin=Origin(app_url),
        subprotocols=[Subprotocol("warren.v1")],
        open_timeout=ANSWER_SECONDS,
        close_timeout=1,
        proxy=None,
    ) as socket:
        _send(socket, op="hello", token=token)
        _await(socket, "hello", lambda frame: frame["op"] == "ready")
        nonce, begun = secrets.token_urlsafe(12), time.monotonic()
        _send(socket, op="send", id="check", room=room, nonce=nonce, body="Everything is up.")
        seen: set[str] = set()

        def both(frame: dict[str, Any]) -> bool:
            if frame["op"] == "ack" and frame["nonce"] == nonce:
                seen.add("ack")
            if frame["op"] == "event" and frame.get("message", {}).get("nonce") == nonce:
                seen.add("event")
            return len(seen) == 2

        _await(socket, "send", both)
        return time.monotonic() - begun


def _send(socket: ClientConnection, **frame: object) -> None:
    socket.send(json.dumps(frame))


def _await(socket: ClientConnection, step: str, found: Any) -> None:
    """Read frames until one is `found`. Raises NotYet on an error frame or when it does not come."""
    until = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            frame = json.loads(socket.recv(timeout=max(0.0, until - time.monotonic())))
        except TimeoutError as error:
            raise NotYet(f"no answer to {step} within {ANSWER_SECONDS:.0f} s") from error
        if frame["op"] == "error":
            raise NotYet(f"{step} was refused: {frame['code']}, {frame['detail']}")
        if found(frame):
            return


def _json(answer: requests.Response, step: str) -> Any:
    if not answer.ok:
        raise NotYet(f"cannot {step}: {answer.status_code} {answer.text[:200]}")
    return answer.json()
