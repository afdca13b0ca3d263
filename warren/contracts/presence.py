"""The presence service: who is online. Callers: gateways.

A gateway keeps one lease in Redis, `presence:lease:<incarnation>`, which it refreshes every LEASE_REFRESH seconds
and which ends by itself LEASE_SECONDS after the last refresh. Each connection is an entry that points at its
gateway's incarnation; a user is online while the lease of any of their entries is alive.
"""

from msgspec import Struct

from warren.contracts.rest import Presence
from warren.contracts.rpc import Method, Nothing

LEASE_SECONDS = 10
LEASE_REFRESH = 3
GRACE_SECONDS = 5
"""A user whose last connection ended stays online this long, so that a quick reconnect does not flicker."""

STATUSES = ("online", "away", "busy", "invisible", "offline")


def lease_key(incarnation: str) -> str:
    """Redis string with an expiry: while it exists, the gateway's connections count."""
    return f"presence:lease:{incarnation}"


class Connected(Struct):
    connection: str
    user: str


class Update(Struct):
    """What changed at one gateway since its last update; gateways send them in order, one in flight.

    `full` = `connected` and `watched` are everything this gateway has (sent first, and after a Redis loss).
    `watch` and `unwatch` change the set of users that some client of this gateway watches.
    """

    gateway: str
    connected: list[Connected] = []
    disconnected: list[Connected] = []
    watch: list[str] = []
    unwatch: list[str] = []
    full: bool = False


class SetStatus(Struct):
    """`validation_failed` unless `status` is one of STATUSES."""

    user: str
    status: str
    text: str | None = None


class GetPresence(Struct):
    """Up to 1,000 users; unknown ones are offline."""

    users: list[str]


class Presences(Struct):
    presences: list[Presence]


UPDATE = Method("presence.update", Update, Presences, idempotent=True)
"""Answers the presence of every user in `watch`."""
SET_STATUS = Method("presence.set_status", SetStatus, Nothing, idempotent=True)
GET_PRESENCE = Method("presence.get", GetPresence, Presences, idempotent=True)
