"""How many frames a socket may send: a token bucket each, with the clock handed in."""

from collections.abc import Callable

from warren.contracts.errors import Code, Refusal

FRAMES_PER_SECOND = 30.0
FRAMES_AT_ONCE = 90.0
REFUSALS_BEFORE_CLOSE = 300
"""A client that goes on regardless is closed with 4429."""


class TooFast(Exception):
    """The client was refused too often in a row."""


class FrameRate:
    """One socket's bucket: FRAMES_PER_SECOND on average, FRAMES_AT_ONCE in a burst."""

    __slots__ = ("_at", "_now", "_refused", "_tokens")

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._tokens = FRAMES_AT_ONCE
        self._at = now()
        self._refused = 0

    def check(self) -> None:
        """Raises Refusal (rate_limited), or TooFast."""
        now = self._now()
        self._tokens = min(FRAMES_AT_ONCE, self._tokens + (now - self._at) * FRAMES_PER_SECOND)
        self._at = now
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            self._refused = 0
            return
        self._refused += 1
        if self._refused > REFUSALS_BEFORE_CLOSE:
            raise TooFast
        wait_ms = int((1.0 - self._tokens) / FRAMES_PER_SECOND * 1000) + 1
        raise Refusal(Code.RATE_LIMITED, "Too many frames; wait a moment.", retry_after_ms=wait_ms)
