"""Measurements one after the other against one system, each told as it ends."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from bench import flame, plot, show, workloads
from bench.figures import Figures
from bench.idle import measure_idle, measure_storm
from bench.kill import measure_kill
from bench.run import calm, measure
from bench.search import Search
from bench.system import System
from bench.users import Cast, prepare
from bench.workloads import Workload

WORKLOADS = {
    "team": "300 users in 30 rooms of 30",
    "big-room": "one room of 1,000",
    "direct": "1,000 pairs",
}
RATES = {
    "team": [100, 200, 1000, 2000, 4000, 6000],
    "big-room": [16, 32, 64, 96, 128, 150],
    "direct": [500, 1000, 2000, 3000, 5000],
}
STARTS = {"team": 2000.0, "big-room": 32.0, "direct": 1000.0}
PEER_STARTS = {"team": 64.0, "big-room": 4.0, "direct": 128.0}
KILL_RATE = 50.0
FLAME_AFTER_SECONDS = 5.0
"""By then the sockets are connected and messages flow."""


def workload_named(name: str) -> Workload:
    match name:
        case "team":
            return workloads.team()
        case "big-room":
            return workloads.big_room()
        case "direct":
            return workloads.direct()
        case _:
            raise ValueError(f"no workload {name!r}")


class Rounds:
    """`found` are all records so far. `prepare` makes users and rooms; Warren's does it over REST."""

    def __init__(
        self,
        system: System,
        *,
        seconds: float,
        nginx: bool = False,
        precision: float = 1.08,
        prepare: Callable[[System, Workload], Awaitable[Cast]] = prepare,
    ) -> None:
        self.found: list[show.Record] = []
        self._system = system
        self._seconds = seconds
        self._nginx = nginx
        self._precision = precision
        self._prepare = prepare
        self._idle_share: dict[str, dict[str, float]] = {}

    async def rates(self, name: str, rates: Sequence[float] | None = None) -> None:
        """Each of `rates` once."""
        for rate in rates or RATES[name]:
            await self.one(workload_named(name), rate)

    async def find_highest(self, name: str, start: float | None = None) -> None:
        """The highest rate that holds."""
        search = Search(start or STARTS[name], self._precision)
        while (rate := search.next()) is not None:
            figures = await self.one(workload_named(name), rate)
            search.record(rate, holds=figures.holds)
            if not figures.holds:
                await calm(self._system, figures.idle_share)
        print(f"{self._system.name} {name}: the highest rate that holds is {search.best or 0:g}/s", flush=True)

    async def one(self, workload: Workload, rate: float) -> Figures:
        cast = await self._prepare(self._system, workload)
        known = self._idle_share.get(workload.key)
        figures = await measure(
            self._system, workload, cast, rate=rate, seconds=self._seconds, nginx=self._nginx, idle_share=known
        )
        self._idle_share[workload.key] = figures.idle_share
        self._tell(figures)
        return figures

    async def idle(self, connections: int) -> None:
        workload = workloads.team()
        cast = await self._prepare(self._system, workload)
        found = await measure_idle(
            self._system, workload, cast, connections=connections, seconds=self._seconds, nginx=self._nginx
        )
        self._tell(found)

    async def storm(self, connections: int) -> None:
        workload = workloads.team()
        cast = await self._prepare(self._system, workload)
        self._tell(await measure_storm(self._system, workload, cast, connections=connections, nginx=self._nginx))

    async def kill(self) -> None:
        workload = workloads.team(users=600, rooms=60)
        cast = await self._prepare(self._system, workload)
        self._tell(await measure_kill(self._system, workload, cast, rate=KILL_RATE, nginx=self._nginx))

    async def flame(self, rate: float, folder: Path) -> list[Path]:
        """Flame graphs during a run of team."""
        flame.py_spy()
        workload = workloads.team()
        cast = await self._prepare(self._system, workload)

        async def later() -> list[Path]:
            await asyncio.sleep(FLAME_AFTER_SECONDS)
            return await flame.record(self._system, self._seconds, folder)

        paths, figures = await asyncio.gather(
            later(), measure(self._system, workload, cast, rate=rate, seconds=self._seconds, idle_share={})
        )
        print(show.line(figures), flush=True)
        return paths

    async def all_of(self, workload: str, rates: Sequence[float] | None, *, find: bool, start: float) -> None:
        """`workload` as the options say: a search, or each rate once."""
        if find:
            await self.find_highest(workload, start)
        else:
            await self.rates(workload, rates or [start])

    def _tell(self, record: show.Record) -> None:
        self.found.append(record)
        print(show.line(record), flush=True)


def pictures(found: Sequence[Figures]) -> list[str]:
    """Delivery over the rate, and where the CPU of a message goes, for each system and workload."""
    drawn = []
    for system, name in dict.fromkeys((one.system, one.workload) for one in found):
        ours = sorted((f for f in found if (f.system, f.workload) == (system, name) and f.delivered), key=_rate)
        if not ours:
            continue
        drawn.append(
            plot.lines(
                f"{system}, {name}: from due to delivered",
                "messages a second",
                "ms",
                {
                    "p50": [(one.rate, max(one.delivery_p50, 0.1)) for one in ours],
                    "p99": [(one.rate, max(one.delivery_p99, 0.1)) for one in ours],
                    "p99.9": [(one.rate, max(one.delivery_p999, 0.1)) for one in ours],
                },
                log_x=True,
                log_y=True,
            )
        )
        drawn.append(
            plot.bars(
                f"{system}, {name}: CPU of a message by part, net of idle",
                "microseconds",
                {f"{one.rate:g}/s": one.us_per_message_by_part() for one in ours},
            )
        )
    return drawn


def _rate(figures: Figures) -> float:
    return figures.rate
