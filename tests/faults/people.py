"""Accounts, made once for a running system, and rooms, made anew for each run; all through the public contract."""

import asyncio
import contextlib
import secrets
import time
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

AT_ONCE = 8
REFRESH_BEFORE_SECONDS = 120.0
RETRY_SECONDS = 0.3
TRY_SECONDS = 60.0
TRY_AGAIN = (429, 500, 502, 503, 504)


class RestError(Exception):
    """REST said no, or did not answer in time."""


class Rest:
    """Calls that are repeated until they are answered: what is asked here may be repeated."""

    def __init__(self, base: str) -> None:
        self.base = f"{base}/api/v1"
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=16)
        self._http = httpx.AsyncClient(trust_env=False, timeout=10, limits=limits)

    async def close(self) -> None:
        await self._http.aclose()

    async def call(self, method: str, path: str, token: str | None, body: Any = None, **params: Any) -> Any:
        """The answer's JSON (None when there is none). Raises RestError."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        until, problem = time.monotonic() + TRY_SECONDS, ""
        while time.monotonic() < until:
            try:
                answer = await self._http.request(method, self.base + path, json=body, params=params, headers=headers)
            except httpx.TransportError as error:
                problem = repr(error)
            else:
                if answer.is_success:
                    return answer.json() if answer.content else None
                problem = f"{answer.status_code} {answer.text[:300]}"
                if answer.status_code not in TRY_AGAIN:
                    break
            await asyncio.sleep(RETRY_SECONDS)
        raise RestError(f"{method} {path}: {problem}")


@dataclass
class Person:
    """A signed-up user with tokens that are renewed in time."""

    id: str
    name: str
    access_token: str
    refresh_token: str
    expires_at: float
    _renewing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    def signed_in(cls, answer: dict[str, Any]) -> Self:
        user = answer["user"]
        expires = time.monotonic() + answer["expires_in"]
        return cls(user["id"], user["username"], answer["access_token"], answer["refresh_token"], expires)

    async def token(self, rest: Rest) -> str:
        """A token that is good for a while. While it cannot be renewed the old one is tried as long as it lasts."""
        async with self._renewing:
            if time.monotonic() > self.expires_at - REFRESH_BEFORE_SECONDS:
                with contextlib.suppress(RestError):
                    await self.renew(rest)
        return self.access_token

    async def renew(self, rest: Rest) -> None:
        """Raises RestError."""
        answer = await rest.call("POST", "/auth/refresh", None, {"refresh_token": self.refresh_token})
        self.access_token, self.refresh_token = answer["access_token"], answer["refresh_token"]
        self.expires_at = time.monotonic() + answer["expires_in"]


async def sign_up(rest: Rest, count: int) -> list[Person]:
    """New accounts. Raises RestError."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> Person:
        name = f"fault-{number}-{secrets.token_hex(4)}"
        body = {"username": name, "email": f"{name}@example.com", "password": secrets.token_urlsafe(12)}
        async with gate:
            return Person.signed_in(await rest.call("POST", "/auth/register", None, body))

    return list(await asyncio.gather(*(one(number) for number in range(count))))


async def make_room(rest: Rest, owner: Person, members: list[Person], name: str) -> str:
    """A group room; its id. Raises RestError."""
    body = {"kind": "group", "name": name, "members": [member.id for member in members]}
    return str((await rest.call("POST", "/rooms", owner.access_token, body))["id"])
