"""Wait for a fact, not for time."""

import asyncio
import time
from collections.abc import Awaitable, Callable

POLL_SECONDS = 0.02


def until(fact: Callable[[], bool], what: str, seconds: float = 10, more: Callable[[], str] = str) -> None:
    """Return as soon as `fact` holds. Raises AssertionError with `what` and `more()` when it does not in time."""
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}\n{more()}"
        time.sleep(POLL_SECONDS)


async def eventually(fact: Callable[[], Awaitable[bool]], what: str, seconds: float = 10) -> None:
    """`until` for a fact that has to be asked for."""
    deadline = time.monotonic() + seconds
    while not await fact():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(POLL_SECONDS)
