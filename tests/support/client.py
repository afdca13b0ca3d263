"""A client that speaks the public protocol: REST over httpx, `/ws` over picows. Knows nothing of `services`."""

import asyncio
import json
import secrets
from collections.abc import Callable
from typing import Any, Self

import httpx
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

Frame = dict[str, Any]
WAIT_SECONDS = 10.0
SUBPROTOCOL = "warren.v1"


def new_nonce() -> str:
    return secrets.token_urlsafe(12)


class Socket(WSListener):
    """One WebSocket: everything that came, in order, and waiting for what is yet to come."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.close_code: int | None = None
        self.closed = asyncio.Event()
        self.silent = False
        self._news = asyncio.Event()
        self._taken = 0
        self._transport: WSTransport | None = None

    @classmethod
    async def connect(cls, url: str, *, origin: str | None = None) -> Self:
        headers = {"Sec-WebSocket-Protocol": SUBPROTOCOL} | ({"Origin": origin} if origin else {})
        socket = cls()
        await ws_connect(lambda: socket, url, extra_headers=headers)
        if socket._transport is None:  # the server died right after the handshake
            raise ConnectionError("closed during the handshake")
        return socket

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            found = json.loads(frame.get_payload_as_bytes())
            self.frames.extend(found if isinstance(found, list) else [found])
            self._news.set()
        elif frame.msg_type == WSMsgType.CLOSE:
            payload = frame.get_payload_as_bytes()
            self.close_code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.closed.set()
        self._news.set()

    def say(self, **frame: Any) -> None:
        self.say_raw(json.dumps(frame).encode())

    def say_raw(self, payload: bytes) -> None:
        assert self._transport is not None
        self._transport.send(WSMsgType.TEXT, payload)

    def cut(self) -> None:
        """Drop the connection without a word, as a lost network does."""
        assert self._transport is not None
        self._transport.underlying_transport.abort()

    async def wait(self, wanted: Callable[[Frame], bool], seconds: float = WAIT_SECONDS) -> Frame:
        """The first frame so far or yet to come that is `wanted`. Raises TimeoutError, ConnectionError."""
        seen = 0
        async with asyncio.timeout(seconds):
            while True:
                for frame in self.frames[seen:]:
                    if wanted(frame):
                        return frame
                seen = len(self.frames)
                if self.closed.is_set():
                    raise ConnectionError(f"closed with {self.close_code}; got {self.frames[-3:]}")
                self._news.clear()
                await self._news.wait()

    async def op(self, op: str, seconds: float = WAIT_SECONDS, **fields: Any) -> Frame:
        """The first frame with this `op` and these fields."""
        return await self.wait(
            lambda frame: frame["op"] == op and all(frame.get(k) == v for k, v in fields.items()), seconds
        )

    async def wait_closed(self, seconds: float = WAIT_SECONDS) -> int | None:
        async with asyncio.timeout(seconds):
            await self.closed.wait()
        return self.close_code

    def events(self, room: str) -> list[Frame]:
        """The durable events of a room in the order in which they came."""
        return [frame for frame in self.frames if frame["op"] == "event" and frame["room"] == room]

    async def send(self, room: str, body: str, nonce: str | None = None) -> Frame:
        """Send and wait for the ack (or the error)."""
        nonce = nonce or new_nonce()
        self.say(op="send", id=nonce, room=room, nonce=nonce, body=body)
        return await self.wait(lambda frame: frame["op"] in ("ack", "error") and frame.get("id") == nonce)


class Account:
    """A signed-up user."""

    def __init__(self, base: str, http: httpx.AsyncClient, signed_in: Frame, password: str) -> None:
        self.base = base
        self.http = http
        self.password = password
        self.signed_in = signed_in
        self.id: str = signed_in["user"]["id"]
        self.username: str = signed_in["user"]["username"]

    @property
    def token(self) -> str:
        return str(self.signed_in["access_token"])

    async def call(self, method: str, path: str, body: Any = None, **params: Any) -> httpx.Response:
        return await self.http.request(
            method,
            f"{self.base}/api/v1{path}",
            json=body,
            params=params,
            headers={"Authorization": f"Bearer {self.token}"},
        )

    async def ok(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """The answer's JSON; fails with the problem when it is not a success."""
        answer = await self.call(method, path, body, **params)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def group(self, *members: "Account", name: str = "Test", public: bool = False) -> str:
        """Make a group room. Returns its id."""
        body = {"kind": "group", "name": name, "public": public, "members": [member.id for member in members]}
        return str((await self.ok("POST", "/rooms", body))["id"])


async def register(base: str, http: httpx.AsyncClient, name: str) -> Account:
    """A new account with a name that no other test uses."""
    username = f"{name}-{secrets.token_hex(4)}"
    password = secrets.token_urlsafe(12)
    body = {"username": username, "email": f"{username}@example.com", "password": password}
    answer = await http.post(f"{base}/api/v1/auth/register", json=body)
    assert answer.status_code == 201, f"register: {answer.status_code} {answer.text}"
    return Account(base, http, answer.json(), password)


async def hello(ws_url: str, account: Account, rooms: dict[str, int] | None = None) -> Socket:
    """A socket that is ready. `rooms`: the last seq that this client has of each."""
    socket = await Socket.connect(ws_url)
    socket.say(op="hello", token=account.token, rooms=rooms or {}, batch=True)
    await socket.op("ready")
    return socket
