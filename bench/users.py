"""Accounts and rooms for load: made through the public REST contract, once, and kept in the run folder.

A password costs the server 70 ms on purpose, so accounts are kept with their tokens, which cost nothing.
"""

import asyncio
import json
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bench.system import System
from bench.workloads import Workload

AT_ONCE = 16
FRESH_SECONDS = 300.0
"""Access tokens that live shorter than this are renewed."""


@dataclass
class Cast:
    """The users of a workload with fresh access tokens, and the ids of its rooms."""

    ids: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    rooms: list[str] = field(default_factory=list)


async def prepare(system: System, workload: Workload) -> Cast:
    """Make what is missing. Raises httpx.HTTPError, RuntimeError with the server's sentence."""
    store = system.run_dir / "bench.json"
    limits = httpx.Limits(max_connections=AT_ONCE)
    async with httpx.AsyncClient(timeout=60, limits=limits) as http:
        kept = await _kept(http, store, system)
        gate = asyncio.Semaphore(AT_ONCE)
        known = kept["users"][: workload.users]
        missing = workload.users - len(known)
        if missing:
            print(f"making {missing} accounts (about {missing * 0.05:.0f} s) ...", flush=True)
        jobs = [_refresh(http, gate, system, number, user) for number, user in enumerate(known)]
        jobs += [_register(http, gate, system, number) for number in range(len(known), workload.users)]
        users = await asyncio.gather(*jobs)
        kept["users"][: workload.users] = users
        _keep(store, kept)
        key = workload.key
        if key not in kept["rooms"]:
            print(f"making {len(workload.rooms)} rooms ...", flush=True)
            makers = [_make_room(http, gate, system, workload, number, users) for number in range(len(workload.rooms))]
            kept["rooms"][key] = await asyncio.gather(*makers)
            _keep(store, kept)
    return Cast([user["id"] for user in users], [user["access_token"] for user in users], kept["rooms"][key])


async def _kept(http: httpx.AsyncClient, store: Path, system: System) -> dict[str, Any]:
    """What an earlier run made, unless the database was wiped since."""
    kept = _read(store)
    if kept["users"]:
        answer = await http.post(
            f"{system.rest[0]}/api/v1/auth/refresh", json={"refresh_token": kept["users"][0]["refresh_token"]}
        )
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            return _nothing()
        kept["users"][0] = _user(answer.raise_for_status().json())
        _keep(store, kept)
    return kept


def _nothing() -> dict[str, Any]:
    return {"users": [], "rooms": {}}


def _read(store: Path) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(store.read_text()) if store.exists() else _nothing()
    return kept


def _keep(store: Path, kept: dict[str, Any]) -> None:
    store.touch(mode=0o600)
    store.write_text(json.dumps(kept))


async def _post(http: httpx.AsyncClient, url: str, body: dict[str, Any], token: str = "") -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = await http.post(url, json=body, headers=headers)
    if not answer.is_success:
        hint = " Start Warren with RATE_LIMITS=off for benchmarks." if answer.status_code == 429 else ""
        raise RuntimeError(f"{url}: {answer.status_code} {answer.text[:200]}{hint}")
    found: dict[str, Any] = answer.json()
    return found


def _user(signed_in: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": signed_in["user"]["id"],
        "access_token": signed_in["access_token"],
        "refresh_token": signed_in["refresh_token"],
        "until": time.time() + signed_in["expires_in"],
    }


async def _register(http: httpx.AsyncClient, gate: asyncio.Semaphore, system: System, number: int) -> dict[str, Any]:
    name = f"bench-{number}-{secrets.token_hex(3)}"
    body = {"username": name, "email": f"{name}@example.com", "password": secrets.token_urlsafe(12)}
    async with gate:
        return _user(await _post(http, f"{system.rest[number % len(system.rest)]}/api/v1/auth/register", body))


async def _refresh(
    http: httpx.AsyncClient, gate: asyncio.Semaphore, system: System, number: int, user: dict[str, Any]
) -> dict[str, Any]:
    if user.get("until", 0.0) > time.time() + FRESH_SECONDS:
        return user
    body = {"refresh_token": user["refresh_token"]}
    async with gate:
        return _user(await _post(http, f"{system.rest[number % len(system.rest)]}/api/v1/auth/refresh", body))


async def _make_room(
    http: httpx.AsyncClient,
    gate: asyncio.Semaphore,
    system: System,
    workload: Workload,
    number: int,
    users: list[dict[str, Any]],
) -> str:
    members = workload.rooms[number]
    body: dict[str, Any] = {"kind": workload.kind, "members": [users[member]["id"] for member in members[1:]]}
    if workload.kind != "direct":
        body["name"] = f"{workload.name} {number}"
    async with gate:
        url = f"{system.rest[number % len(system.rest)]}/api/v1/rooms"
        room = await _post(http, url, body, users[members[0]]["access_token"])
    return str(room["id"])
