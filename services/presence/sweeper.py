"""Leases that ended: their entries fall off when the grace is over, their watches at once.

Every instance sweeps. A sweep is one script that finds what there is to do and does it, so two do no harm.
"""

import asyncio
import contextlib

from services.presence.leases import Leases
from warren.chassis.lifecycle import Tasks
from warren.contracts.errors import Refusal

SWEEP_SECONDS = 0.5
SWEEP_USERS = 200
"""Users in one sweep: bounds the time that Redis is held."""


class Sweeper:
    """A part."""

    def __init__(self, leases: Leases, tasks: Tasks, grace_ms: int) -> None:
        self._leases = leases
        self._tasks = tasks
        self._grace_ms = grace_ms
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = self._tasks.spawn("sweeper", self._repeat())

    async def stop(self) -> None:
        await self._tasks.cancel(self._task)

    async def _repeat(self) -> None:
        while True:
            more = False
            with contextlib.suppress(Refusal):  # Redis is away, which was logged; the next sweep finds the same
                more = await self._leases.sweep(self._grace_ms, SWEEP_USERS)
            await asyncio.sleep(0 if more else SWEEP_SECONDS)
