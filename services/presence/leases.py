"""Everything in Redis: leases, entries of connections, watches, statuses, and the users to look at.

Each method is one script, so any number of instances may work on one user at once; see scripts/keys.lua for the keys.
Every method raises Refusal(unavailable) when Redis does not answer.
"""

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any

from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.presence.engine import Facts
from warren.chassis.telemetry import get_logger
from warren.contracts.errors import Code, Refusal
from warren.contracts.presence import Connected, Update

CLAIM_US = 3_000_000
"""A look at a user that did not settle within this time is done again, by any instance."""

_SCRIPTS = Path(__file__).parent / "scripts"
log = get_logger("leases")


class Outcome(StrEnum):
    """What became of an update: done, done long ago, or its lease is not known."""

    DONE = "done"
    STALE = "stale"
    LOST = "lost"


class Snapshot(Struct):
    """Facts of some users and the ends of their leases (engine.Leases), all read at one moment, `at` µs."""

    at: int
    facts: list[Facts]
    leases: dict[str, int]

    @property
    def now(self) -> int:
        """The moment in ms."""
        return self.at // 1000


class Look(Struct):
    """How a look at a user ended: the mark that watchers now know, and when to look again (ms; None = if marked)."""

    user: str
    told: str
    again_at: int | None


class Leases:
    def __init__(self, redis: Redis) -> None:
        keys = (_SCRIPTS / "keys.lua").read_text()
        self._scripts = {
            path.stem: redis.register_script(keys + path.read_text())
            for path in _SCRIPTS.glob("*.lua")
            if path.stem != "keys"
        }

    async def update(self, update: Update) -> Outcome:
        """Apply what changed at a gateway, and mark its users for a look."""
        arguments = [update.lease, update.queue, update.number]
        arguments += [len(update.connected), *_pairs(update.connected)]
        arguments += [len(update.disconnected), *_pairs(update.disconnected)]
        arguments += [len(update.watch), *update.watch]
        arguments += [len(update.unwatch), *update.unwatch]
        return Outcome(await self._run("update", arguments))

    async def facts(self, users: list[str]) -> Snapshot:
        """In the order of `users`."""
        return _snapshot(await self._run("facts", users))

    async def set_status(self, user: str, status: str, text: str | None) -> None:
        await self._run("status", [user, status] if text is None else [user, status, text])

    async def claim(self, limit: int, claim_us: int = CLAIM_US) -> tuple[int, Snapshot]:
        """Take up to `limit` users that are due for a look. The number goes back to `settle`."""
        claim, answer = await self._run("claim", [limit, claim_us])
        return int(claim), _snapshot(answer)

    async def settle(self, claim: int, looks: Iterable[Look]) -> None:
        arguments: list[Any] = [claim]
        for look in looks:
            arguments += [look.user, look.told, "" if look.again_at is None else look.again_at * 1000]
        await self._run("settle", arguments)

    async def retell(self, users: list[str]) -> None:
        """Tell the watchers of these users at the next tick, whatever was told before."""
        await self._run("retell", users)

    async def watchers(self, users: list[str]) -> tuple[dict[str, list[str]], dict[str, str]]:
        """Leases that watch each user, and the queue of each lease."""
        rows, queues = await self._run("watchers", users)
        return dict(zip(users, rows, strict=True)), _mapping(queues)

    async def deaf(self, leases: list[str]) -> None:
        """The queues of these leases are gone: their watches are dropped, their connections count on."""
        await self._run("deaf", leases)

    async def sweep(self, grace_ms: int, limit: int) -> bool:
        """Deal with up to `limit` users of leases that ended. True if there is more to do now."""
        return bool(await self._run("sweep", [grace_ms, limit]))

    async def _run(self, script: str, arguments: list[Any]) -> Any:
        try:
            return await self._scripts[script](args=arguments)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("Redis does not answer", script=script, error=str(error)[:200])
            raise Refusal(
                Code.UNAVAILABLE, "Presence cannot be told just now; try again.", retry_after_ms=1000
            ) from error


def _pairs(connections: list[Connected]) -> list[str]:
    return [part for each in connections for part in (each.connection, each.user)]


def _mapping(flat: list[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _snapshot(answer: list[Any]) -> Snapshot:
    at, rows, leases = answer
    facts = [
        Facts(user, entries, status, text, int(left), int(last_seen), told)
        for user, status, text, left, last_seen, told, entries in rows
    ]
    return Snapshot(int(at), facts, {lease: int(ended) for lease, ended in _mapping(leases).items()})
