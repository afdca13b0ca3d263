"""A gateway that has lost the broker while others have not sends its sockets to them.

Lost is a connection that closed, or one on which nothing comes any more, not even this gateway's own messages to
itself: a cut network shows only so, long before heartbeats are missed. While it lasts the gateway is not ready and
refuses handshakes with 503, on which nginx asks the next one.

When all have lost it, the broker restarts, and there is nowhere to send anybody: the sockets stay, and go on when it is
back.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from warren.chassis.lifecycle import Tasks
from warren.chassis.telemetry import get_logger

TICK_SECONDS = 1.0
SILENT_TICKS = 4
"""The first one without news asks for some, so this is three seconds without an answer. Ticks, not a clock: a process
that was frozen must not wake up to find itself isolated."""

WELL_TICKS = 3
"""Another gateway must be well for so long, so that those that come back first after a restart of the broker do not
draw the sockets of those that are about to."""

UNKNOWN_TICKS = 10
"""Nobody can be asked for so long: this machine is cut off from everything."""

REFRESH_TICKS = 30
log = get_logger("isolation")


class Queue(Protocol):
    """What this needs of `receiver.Receiver`."""

    @property
    def heard(self) -> int:
        """How much has come so far."""

    async def ping(self) -> None:
        """Have a message come to this gateway. Whether it does shows in `heard`."""


class Others(Protocol):
    """What this needs of `others.Others`."""

    async def refresh(self) -> None: ...

    async def any_well(self) -> bool | None: ...


class Isolation:
    """A part. `is_connected`: is there a connection; `send_away`: have all sockets reconnect, for a reason."""

    def __init__(
        self,
        *,
        is_connected: Callable[[], bool],
        queue: Queue,
        others: Others,
        send_away: Callable[[str], None],
        tasks: Tasks,
    ) -> None:
        self._is_connected = is_connected
        self._queue = queue
        self._others = others
        self._send_away = send_away
        self._tasks = tasks
        self._heard = 0
        self._silent = 0
        self._well = 0
        self._unknown = 0
        self._sent_away = False
        self._task: asyncio.Task[None] | None = None

    @property
    def cut_off(self) -> bool:
        return not self._is_connected() or self._silent >= SILENT_TICKS

    def finding(self) -> str:
        """For the health report: what is wrong, "" when nothing is."""
        return "the connection is there, but nothing comes on it" if self._silent >= SILENT_TICKS else ""

    async def start(self) -> None:
        self._task = self._tasks.spawn("isolation", self._watch())

    async def stop(self) -> None:
        await self._tasks.cancel(self._task)

    async def _watch(self) -> None:
        ticks = 0
        while True:
            if ticks % REFRESH_TICKS == 0:
                await self._others.refresh()
            await asyncio.sleep(TICK_SECONDS)
            ticks += 1
            await self._listen()
            if self.cut_off:
                await self._look_for_others()
            else:
                self._well, self._unknown, self._sent_away = 0, 0, False

    async def _listen(self) -> None:
        """Is there news? If not, ask for some."""
        before, self._heard = self._heard, self._queue.heard
        if self._heard != before or not self._is_connected():
            self._silent = 0
        else:
            self._silent += 1
            await self._queue.ping()

    async def _look_for_others(self) -> None:
        if self._sent_away:
            return
        match await self._others.any_well():
            case True:
                self._well += 1
            case None:
                self._unknown += 1
            case False:
                self._well, self._unknown = 0, 0
        if self.cut_off and (self._well >= WELL_TICKS or self._unknown >= UNKNOWN_TICKS):
            log.warning("the broker is lost to this gateway; its sockets are told to go to another", well=self._well)
            self._sent_away = True
            self._send_away("this server has lost its message broker")
