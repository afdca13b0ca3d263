"""The time, as a value that is handed in, so that what depends on it can be tested without waiting."""

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Milliseconds since 1970."""


def wall_clock() -> int:
    return time.time_ns() // 1_000_000
