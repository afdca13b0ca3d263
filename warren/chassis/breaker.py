"""A circuit breaker: after some failures in a row, refuse at once for a while, then let one call try."""

from collections.abc import Callable


class Breaker:
    """Closed (calls pass), open (refused until `open_seconds` are over), half open (one call passes)."""

    def __init__(self, now: Callable[[], float], *, failures: int = 8, open_seconds: float = 1.0) -> None:
        self._now = now
        self._limit = failures
        self._open_seconds = open_seconds
        self._failures = 0
        self._open_until = 0.0

    def allows(self) -> bool:
        """May a call go out now? In the half-open state only the first asker is let through."""
        if self._failures < self._limit:
            return True
        now = self._now()
        if now < self._open_until:
            return False
        self._open_until = now + self._open_seconds
        return True

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self) -> None:
        self._failures += 1
        if self._failures >= self._limit:
            self._open_until = self._now() + self._open_seconds

    @property
    def retry_after_ms(self) -> int:
        return max(1, int((self._open_until - self._now()) * 1000))
