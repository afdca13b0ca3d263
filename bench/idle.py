"""Sockets that are signed in and say nothing, and what happens when all of them are cut at once."""

import asyncio
import contextlib
import time
from dataclasses import asdict, dataclass
from typing import Any

from bench.process import LoadProcess, most_sockets
from bench.run import cores, job, through
from bench.system import System, cpu_seconds, memory_bytes
from bench.users import Cast
from bench.workloads import Workload


@dataclass
class Idle:
    """KiB a connection: growth of the servers that hold the sockets, all together; `other_kib`: of all other parts.

    `connect_us`: CPU of connecting and being let in, by part, for one connection; `connect_seconds`: all of them.
    """

    system: str
    connections: int
    kib: float
    other_kib: float
    cpu_share: dict[str, float]
    connect_us: dict[str, float]
    connect_seconds: float
    through: str

    def as_dict(self) -> dict[str, Any]:
        return {"kind": "idle"} | asdict(self)


@dataclass
class Storm:
    """Seconds until half of the sockets, and until all, were ready again; tries that were refused meanwhile."""

    system: str
    connections: int
    half: float
    all: float
    refused: int
    through: str

    def as_dict(self) -> dict[str, Any]:
        return {"kind": "storm"} | asdict(self)


async def measure_idle(
    system: System, workload: Workload, cast: Cast, *, connections: int, seconds: float, nginx: bool = False
) -> Idle:
    """Connect every user as often as it takes, a user's sockets spread over the servers."""
    before, used, began = memory_bytes(system), cpu_seconds(system), time.monotonic()
    async with contextlib.AsyncExitStack() as stack:
        for part in _jobs(system, workload, cast, connections, nginx=nginx):
            await stack.enter_async_context(LoadProcess("bench.load", part))
        took = time.monotonic() - began
        connecting = {part: after - used[part] for part, after in cpu_seconds(system).items()}
        share = await cores(system, seconds)
        after = memory_bytes(system)
    grown = {part: after[part] - before[part] for part in after}
    front = grown.pop(system.front)
    return Idle(
        system=system.name,
        connections=connections,
        kib=round(front / connections / 1024, 1),
        other_kib=round(sum(grown.values()) / connections / 1024, 1),
        cpu_share={part: round(busy, 3) for part, busy in share.items()},
        connect_us={part: round(spent / connections * 1e6, 1) for part, spent in connecting.items()},
        connect_seconds=round(took, 1),
        through=through(nginx=nginx),
    )


async def measure_storm(
    system: System, workload: Workload, cast: Cast, *, connections: int, nginx: bool = False
) -> Storm:
    """Cut all sockets at once; each comes back as fast as it can."""
    async with contextlib.AsyncExitStack() as stack:
        parts = _jobs(system, workload, cast, connections, nginx=nginx)
        loads = [await stack.enter_async_context(LoadProcess("bench.load", part)) for part in parts]
        for load in loads:
            load.tell("storm")
        found = await asyncio.gather(*(load.answer() for load in loads))
    worst = {key: round(max(one[key] for one in found), 2) for key in ("half", "all")}
    refused = sum(one["refused"] for one in found)
    return Storm(system.name, connections, worst["half"], worst["all"], refused, through(nginx=nginx))


def _jobs(system: System, workload: Workload, cast: Cast, connections: int, *, nginx: bool) -> list[dict[str, Any]]:
    """`connections` sockets in as few processes as may hold them."""
    whole = job(system, workload, cast, 0, 0, nginx=nginx)
    urls = sorted({socket["url"] for socket in whole["sockets"]})
    sockets = [
        {
            "url": urls[(number + number // workload.users) % len(urls)],
            "token": cast.tokens[number % workload.users],
            "number": number,
        }
        for number in range(connections)
    ]
    most = most_sockets()
    return [{**whole, "sockets": sockets[at : at + most]} for at in range(0, len(sockets), most)]
