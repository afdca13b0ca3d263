"""argon2id in a bounded pool of threads: it takes a core for some tens of milliseconds and must not stop the loop."""

import asyncio
import os
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from prometheus_client import Gauge

from warren.contracts.errors import Code, Refusal

TIME_COST, MEMORY_KIB, PARALLELISM = 2, 46 * 1024, 2
"""Twice the passes that OWASP asks at 46 MiB: 60 to 80 ms on the 2-core machine where RFC 9106's second choice
(3 passes, 64 MiB, 4 lanes) took 167 ms, which would cap sign-ins at 6 a second."""

WAITING = 32
"""Hashes that may be in the pool or wait for it: what two cores can do inside a caller's deadline."""

T = TypeVar("T")
_JOBS = Gauge("warren_password_jobs", "Password hashes running or waiting.")


class Passwords:
    """Hashes and verifies. A full pool is refused with `overloaded`."""

    def __init__(self, hasher: PasswordHasher | None = None, *, workers: int | None = None) -> None:
        self._hasher = hasher or PasswordHasher(TIME_COST, MEMORY_KIB, PARALLELISM)
        self._pool = ThreadPoolExecutor(workers or os.cpu_count() or 1, thread_name_prefix="argon2")
        self._jobs = 0
        self._decoy = ""

    async def start(self) -> None:
        """Make the hash that an unknown login is verified against, so that it takes as long as a known one."""
        self._decoy = await self.hash(secrets.token_hex(16))

    async def stop(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def hash(self, password: str) -> str:
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, kept: str | None, password: str) -> bool:
        """Does the password match the kept hash? Without one: no, after the same time."""
        return await self._run(lambda: self._matches(kept or self._decoy, password)) and kept is not None

    def is_dated(self, kept: str) -> bool:
        """Was this hash made with other parameters than today's?"""
        return self._hasher.check_needs_rehash(kept)

    def _matches(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, job: Callable[[], T]) -> T:
        if self._jobs >= WAITING:
            raise Refusal(Code.OVERLOADED, "Too many people sign in right now; try again.", retry_after_ms=2000)
        self._jobs += 1
        _JOBS.set(self._jobs)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, job)
        finally:
            self._jobs -= 1
            _JOBS.set(self._jobs)
