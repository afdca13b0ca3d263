"""How often one may ask. Token buckets in this process: with n gateways one may ask up to n times as often.

A bucket holds up to `burst` tokens and gets `per_second` new ones; each request takes one.
"""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct
from prometheus_client import Counter

from warren.contracts.errors import Code, Refusal

BUCKETS = 50_000
"""Buckets kept for each rate. Past it the one that was used longest ago goes: it is full again by then, or nearly."""

_PRIVATE = [
    ipaddress.ip_network(network)
    for network in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
]

LIMITED = Counter("warren_rate_limited_total", "Requests refused with rate_limited.", ["rate"])


class Rate(Struct, frozen=True):
    name: str
    burst: int
    per_second: float


REQUESTS = Rate("requests", 200, 50)
"""REST requests of one user, or of one address before sign-in."""
MESSAGES = Rate("messages", 60, 20)
"""Messages of one user over REST; each socket has a rate of its own (`sockets/rates.py`)."""
REGISTER = Rate("register", 20, 0.1)
"""Registrations from one address."""
SIGN_IN_ADDRESS = Rate("sign_in_address", 60, 1)
"""Attempts to sign in from one address, whatever the login."""
SIGN_IN = Rate("sign_in", 10, 0.1)
"""Attempts to sign in to one account from one address."""
REFRESH = Rate("refresh", 60, 1)
"""Refreshes from one address."""


class Bucket(Struct):
    tokens: float
    at: float


class Buckets:
    """The buckets of one rate."""

    def __init__(self, rate: Rate, now: Callable[[], float]) -> None:
        self._rate = rate
        self._now = now
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, key: str) -> float:
        """Take a token: 0, or the seconds until there is one."""
        now = self._now()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(self._rate.burst, now)
            if len(self._buckets) > BUCKETS:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        bucket.tokens = min(self._rate.burst, bucket.tokens + (now - bucket.at) * self._rate.per_second)
        bucket.at = now
        if bucket.tokens < 1:
            return (1 - bucket.tokens) / self._rate.per_second
        bucket.tokens -= 1
        return 0.0

    def __len__(self) -> int:
        return len(self._buckets)


class RateLimits:
    """All rates of a gateway. `enabled` False (RATE_LIMITS=off) lets everything through."""

    def __init__(self, enabled: bool, now: Callable[[], float] = time.monotonic) -> None:
        self._enabled = enabled
        self._now = now
        self._rates: dict[str, Buckets] = {}

    def check(self, rate: Rate, key: str) -> None:
        """Take a token of `key`. Raises Refusal `rate_limited` with the time to wait."""
        if not self._enabled:
            return
        buckets = self._rates.get(rate.name)
        if buckets is None:
            buckets = self._rates[rate.name] = Buckets(rate, self._now)
        seconds = buckets.take(key)
        if seconds > 0:
            LIMITED.labels(rate.name).inc()
            raise Refusal(
                Code.RATE_LIMITED,
                f"Too many requests; try again in {max(1, round(seconds))} s.",
                retry_after_ms=int(seconds * 1000) + 1,
            )


def client_address(peer: str, forwarded_for: str | None) -> str:
    """The address that a rate counts for: of an IPv6 address its /64, since one household has all of it.

    X-Forwarded-For is believed from a proxy of ours only (a private address); its last entry is what that proxy saw,
    everything before it could have been made up.
    """
    address = _parse(peer)
    if address is None:
        return peer
    if forwarded_for and any(address in network for network in _PRIVATE):
        address = _parse(forwarded_for.rsplit(",", 1)[-1].strip()) or address
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.IPv6Network((address, 64), strict=False))
    return str(address)


def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
