"""One measurement: an open loop over all servers, and what the load process and the system's parts say of it."""

import asyncio
import math
import sys
import time
from typing import Any

from bench.figures import Figures, percentile
from bench.process import LoadProcess
from bench.system import System, cpu_seconds, machine_seconds, writes
from bench.users import Cast
from bench.workloads import BODY_BYTES, Workload

WARM_UP_SECONDS = 2.0
LEAD_SECONDS = 1.0
"""From the word to the first send: the load process writes its plan."""

IDLE_SECONDS = 3.0
CALM_CORES = 0.15
CALM_SECONDS = 30


async def measure(
    system: System,
    workload: Workload,
    cast: Cast,
    *,
    rate: float,
    seconds: float,
    nginx: bool = False,
    idle_share: dict[str, float] | None = None,
) -> Figures:
    """Run one open loop of `rate` messages a second. Without `idle_share` the idle CPU is measured first."""
    async with LoadProcess("bench.load", job(system, workload, cast, rate, seconds, nginx=nginx)) as load:
        if idle_share is None:
            idle_share = await idle_cores(system)
        at = time.time() + LEAD_SECONDS
        load.tell(str(at))
        await asyncio.sleep(at + WARM_UP_SECONDS - time.time())
        machine, written = machine_seconds(), await writes(system)
        used = await cores(system, seconds)
        machine, written = machine_seconds() - machine, await writes(system) - written
        result = await load.answer()
    if result["error"]:
        print(f"an error that clients got: {result['error']}", file=sys.stderr)
    times = {kind: dict(result[kind]) for kind in ("delivery", "ack", "late")}
    return Figures(
        system=system.name,
        workload=workload.name,
        rate=rate,
        seconds=seconds,
        through=through(nginx=nginx),
        **{key: result[key] for key in ("sent", "acked", "delivered", "lost", "twice", "errors", "chunks")},
        ack_p50=percentile(times["ack"], 0.5),
        ack_p99=percentile(times["ack"], 0.99),
        ack_p999=percentile(times["ack"], 0.999),
        delivery_p50=percentile(times["delivery"], 0.5),
        delivery_p99=percentile(times["delivery"], 0.99),
        delivery_p999=percentile(times["delivery"], 0.999),
        cpu_share={part: round(share, 4) for part, share in used.items()},
        idle_share={part: round(share, 4) for part, share in idle_share.items()},
        elsewhere_share=round(max(0.0, (machine - result["cpu"]) / seconds - sum(used.values())), 2),
        load_cpu_share=round(result["cpu"] / seconds, 3),
        load_late_p99=percentile(times["late"], 0.99),
        writes_per_second=round(written / seconds, 1),
    )


async def cores(system: System, seconds: float) -> dict[str, float]:
    """Cores that each part uses during the next seconds."""
    before, began = cpu_seconds(system), time.monotonic()
    await asyncio.sleep(seconds)
    after, took = cpu_seconds(system), time.monotonic() - began
    return {part: (after[part] - before[part]) / took for part in after}


async def idle_cores(system: System) -> dict[str, float]:
    """What is used once the work of connecting is over: when a second is no longer cheaper than the one before."""
    before = math.inf
    for _ in range(CALM_SECONDS):
        used = sum((await cores(system, 1.0)).values())
        if used > before * 0.8:
            break
        before = used
    return await cores(system, IDLE_SECONDS)


async def calm(system: System, idle_share: dict[str, float]) -> None:
    """Wait until the system has worked off what an overload left, at most CALM_SECONDS."""
    for _ in range(CALM_SECONDS):
        if sum((await cores(system, 1.0)).values()) < sum(idle_share.values()) + CALM_CORES:
            return


def through(*, nginx: bool) -> str:
    """What the sockets go through, for the records."""
    return "nginx" if nginx else "servers"


def job(
    system: System, workload: Workload, cast: Cast, rate: float, seconds: float, *, nginx: bool = False
) -> dict[str, Any]:
    """What a load process is told. Users are spread over the servers one by one."""
    urls = [system.app.replace("http://", "ws://")] if nginx else system.sockets
    return {
        "dialect": system.dialect,
        "sockets": [
            {"url": urls[number % len(urls)], "token": cast.tokens[number], "number": number}
            for number in range(workload.users)
        ],
        "rooms": [{"id": room, "members": members} for room, members in zip(cast.rooms, workload.rooms, strict=True)],
        "rate": rate,
        "seconds": seconds,
        "warm_up": WARM_UP_SECONDS,
        "seed": 1,
        "body": BODY_BYTES,
    }
