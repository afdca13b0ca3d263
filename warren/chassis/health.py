"""What /health/ready says: named checks, the event loop's lag, and whether the instance is stopping.

The text of each check is meant for the people who read it in Consul's UI.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec
from prometheus_client import Gauge

from warren.chassis.lifecycle import Tasks

CHECK_SECONDS = 3.0
LAG = Gauge("warren_event_loop_lag_seconds", "How late the event loop turns.")


class Finding(msgspec.Struct):
    """One dependency: is it all right, and what to tell people."""

    ok: bool
    text: str


class Report(msgspec.Struct):
    """The body of /health/ready."""

    ready: bool
    service: str
    server_id: str
    version: str
    uptime_seconds: int
    event_loop_lag_ms: float
    checks: dict[str, Finding]


Check = Callable[[], Awaitable[str]]
"""Returns what to tell people when all is well; raises when it is not."""


class Health:
    """Runs the checks every CHECK_SECONDS; answers are the last findings, so probing costs nothing."""

    def __init__(self, service: str, server_id: str, version: str, tasks: Tasks) -> None:
        self.service = service
        self.server_id = server_id
        self.version = version
        self._tasks = tasks
        self._checks: dict[str, Check] = {}
        self._findings: dict[str, Finding] = {}
        self._figures: dict[str, Callable[[], str]] = {}
        self._at_once: list[tuple[str, Callable[[], str]]] = []
        self._started = time.monotonic()
        self._lag = 0.0
        self._stopping = False
        self._serving = False
        self._running: list[asyncio.Task[None]] = []

    def add(self, name: str, check: Check) -> None:
        """A dependency that must be well for the instance to be ready."""
        self._checks[name] = check
        self._findings[name] = Finding(False, "not checked yet")

    def at_once(self, name: str, broken: Callable[[], str]) -> None:
        """What `broken` says, unless that is "", holds instead of the last finding of the check of this name.
        For a loss that is known before the next check."""
        self._at_once.append((name, broken))

    def tell(self, name: str, figure: Callable[[], str]) -> None:
        """A figure for people, such as the number of connections; never makes the instance unready."""
        self._figures[name] = figure

    def serving(self) -> None:
        """Everything has been started."""
        self._serving = True

    def stopping(self) -> None:
        self._stopping = True

    async def start(self) -> None:
        self._running = [
            self._tasks.spawn("loop-lag", self._measure_lag()),
            *(self._tasks.spawn(f"check-{name}", self._repeat(name, check)) for name, check in self._checks.items()),
        ]

    async def stop(self) -> None:
        await self._tasks.cancel(*self._running)

    def report(self) -> Report:
        checks = dict(self._findings)
        for name, broken in self._at_once:
            if text := broken():
                checks[name] = Finding(False, text)
        if self._stopping:
            checks["instance"] = Finding(False, "stopping")
        elif not self._serving:
            checks["instance"] = Finding(False, "starting: waiting for what is not well below")
        for name, figure in self._figures.items():
            checks[name] = Finding(True, figure())
        ready = all(finding.ok for finding in checks.values())
        uptime = int(time.monotonic() - self._started)
        lag = round(self._lag * 1000, 1)
        return Report(ready, self.service, self.server_id, self.version, uptime, lag, checks)

    async def _repeat(self, name: str, check: Check) -> None:
        while True:
            try:
                async with asyncio.timeout(CHECK_SECONDS):
                    self._findings[name] = Finding(True, await check())
            except TimeoutError:
                self._findings[name] = Finding(False, f"no answer within {CHECK_SECONDS:.0f} s")
            except Exception as error:  # whatever is wrong with a dependency is the finding
                self._findings[name] = Finding(False, f"{type(error).__name__}: {error}"[:300])
            await asyncio.sleep(1.0 if not self._findings[name].ok else CHECK_SECONDS)

    async def _measure_lag(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.5)
            self._lag = max(time.monotonic() - before - 0.5, 0.0)
            LAG.set(self._lag)
