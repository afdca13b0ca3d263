"""Whether the partitions answer this gateway, for the health report.

A silent partition is told and does not make a gateway unready: REST, presence and the rooms of other partitions go on,
and every other gateway is as badly off, so there is nowhere better to route to.
"""

import asyncio
import time
from collections.abc import Callable

from services.gateway.rooms.commands import CommandSender
from warren.chassis.canaries import Canaries, all_answer, who_is_silent
from warren.chassis.lifecycle import Tasks
from warren.contracts import rooms
from warren.contracts.errors import Refusal

SEND_SECONDS = 5.0
OVERDUE_SECONDS = 5.0
"""A killed owner is replaced within 3 s: that is not told."""


class PartitionCanaries:
    """A part: canaries take the way of all commands, so they also prove the batches and the answers."""

    def __init__(
        self, commands: CommandSender, partitions: int, tasks: Tasks, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._commands = commands
        # The sender gives up on each by itself.
        self._canaries = Canaries(partitions, overdue=OVERDUE_SECONDS, again=float("inf"), now=now)
        self._rooms = [rooms.canary_room(partition, partitions) for partition in range(partitions)]
        self._tasks = tasks
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = self._tasks.spawn("canaries", self._send_forever())

    async def stop(self) -> None:
        await self._tasks.cancel(self._task)

    def figure(self) -> str:
        """For the health report."""
        silent = self._canaries.silent()
        if silent:
            return f"degraded: {who_is_silent(silent)}; messages to its rooms wait"
        return all_answer(len(self._canaries))

    async def _send_forever(self) -> None:
        while True:
            for partition in self._canaries.due():
                self._send(partition)
            await asyncio.sleep(SEND_SECONDS)

    def _send(self, partition: int) -> None:
        def heard(answer: rooms.Answer) -> None:
            if isinstance(answer, rooms.Stored):
                self._canaries.came_back(partition)
            else:
                self._canaries.lost(partition)

        self._canaries.sent(partition)
        try:
            self._commands.submit(rooms.Canary(self._commands.next_ref(), self._rooms[partition], ""), heard)
        except Refusal:  # too much is waiting for this partition already
            self._canaries.lost(partition)
