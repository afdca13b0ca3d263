"""What others see of a user, decided from facts and the time. Pure: no I/O, no clock."""

from collections.abc import Mapping

from msgspec import Struct

from warren.contracts.codec import rfc3339
from warren.contracts.presence import HIDDEN
from warren.contracts.rest import Presence

ALIVE = 0
"""In `Leases`: the lease has not ended."""

Leases = Mapping[str, int]
"""When each lease ended, in ms since 1970, or ALIVE. One that is missing ended long ago."""


class Facts(Struct, frozen=True):
    """What Redis has of one user. Times in ms since 1970, 0 = never.

    `entries`: the lease of each connection. `left`: when a connection ended last. `last_seen`: the same, but never
    while the user was hidden, so that it may be shown. `told`: the `mark` that watchers were told last.
    """

    user: str
    entries: list[str] = []
    status: str = ""
    text: str = ""
    left: int = 0
    last_seen: int = 0
    told: str = ""


class View(Struct, frozen=True):
    """What others see, and when that changes if nothing else happens (ms; None = never)."""

    presence: Presence
    changes_at: int | None

    @property
    def mark(self) -> str:
        """Two views with one mark need not be told twice. "" = offline without a text, what all unknown users are."""
        status = "" if self.presence.status == "offline" else self.presence.status
        return f"{status}\n{self.presence.text}" if status or self.presence.text else ""


def view(facts: Facts, leases: Leases, now: int, grace_ms: int) -> View:
    """What others see at `now`: online while a lease of the user's entries is alive, and `grace_ms` longer."""
    ends = [leases[lease] for lease in facts.entries if lease in leases]
    connected = ALIVE in ends
    graceful_until = max([facts.left, *ends]) + grace_ms if facts.left or ends else 0
    if facts.status in HIDDEN or not (connected or now < graceful_until):
        return View(_offline(facts, ends), None)
    shown = Presence(facts.user, facts.status or "online", facts.text, None)
    return View(shown, None if connected else graceful_until)


def _offline(facts: Facts, ends: list[int]) -> Presence:
    """Hidden users keep the `last_seen` from before they hid."""
    seen = facts.last_seen if facts.status in HIDDEN else max([facts.last_seen, *ends])
    return Presence(facts.user, "offline", facts.text, rfc3339(seen) if seen else None)
