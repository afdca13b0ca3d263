"""One measurement: load processes over all gateways, and what they and the system say of it."""

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from typing import Any

from bench.figures import Figures, percentile
from bench.system import System, cpu_seconds, machine_seconds, memory_bytes
from bench.users import Cast
from bench.workloads import BODY_BYTES, Workload

WARM_UP_SECONDS = 2.0
LEAD_SECONDS = 1.0
"""From the word to the first send: the load process writes its plan."""

IDLE_SECONDS = 3.0


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
    worker = await _start(_job(system, workload, cast, rate, seconds, nginx))
    try:
        await _line(worker)
        if idle_share is None:
            idle_share = await _share(system, IDLE_SECONDS)
        at = time.time() + LEAD_SECONDS
        _tell(worker, str(at))
        await asyncio.sleep(at + WARM_UP_SECONDS - time.time())
        machine = machine_seconds()
        used = await _share(system, seconds)
        machine = machine_seconds() - machine
        result = json.loads(await _line(worker))
        await worker.wait()
    finally:
        await _end(worker)
    return _figures(workload, rate, seconds, "nginx" if nginx else "gateways", result, used, idle_share, machine)


async def _share(system: System, seconds: float) -> dict[str, float]:
    """Cores that each part uses during the next seconds."""
    before, began = cpu_seconds(system), time.monotonic()
    await asyncio.sleep(seconds)
    after, took = cpu_seconds(system), time.monotonic() - began
    return {part: (after[part] - before[part]) / took for part in after}


@dataclass
class Idle:
    """Sockets that are signed in and say nothing. KiB a connection, growth of all gateways together."""

    connections: int
    kib_per_connection: float
    cpu_share: dict[str, float]


async def measure_idle(system: System, workload: Workload, cast: Cast, *, each: int, seconds: float) -> Idle:
    """Connect every user `each` times."""
    before = memory_bytes(system)["gateway"]
    job = _job(system, workload, cast, 0, seconds, False)
    job["sockets"] = [
        {
            **socket,
            "number": socket["number"] + turn * workload.users,
            "url": _turned(system, socket["url"], turn),
        }
        for turn in range(each)
        for socket in job["sockets"]
    ]
    worker = await _start(job)
    await _line(worker)
    share = await _share(system, seconds)
    grown = memory_bytes(system)["gateway"] - before
    _tell(worker, "stop")
    await worker.wait()
    count = each * workload.users
    return Idle(count, grown / count / 1024, share)


async def measure_storm(system: System, workload: Workload, cast: Cast) -> dict[str, float]:
    """Cut all sockets at once. Seconds until half of them, and until all, are ready again."""
    worker = await _start(_job(system, workload, cast, 0, 0, False))
    await _line(worker)
    _tell(worker, "storm")
    found: dict[str, float] = json.loads(await _line(worker))
    await worker.wait()
    return found


def _turned(system: System, url: str, turn: int) -> str:
    """Another gateway at each turn, so that a user's sockets are spread."""
    return system.sockets[(system.sockets.index(url) + turn) % len(system.sockets)]


def _job(system: System, workload: Workload, cast: Cast, rate: float, seconds: float, nginx: bool) -> dict[str, Any]:
    urls = [system.app.replace("http://", "ws://")] if nginx else system.sockets
    sockets = [
        {"url": urls[number % len(urls)], "token": cast.tokens[number], "number": number}
        for number in range(workload.users)
    ]
    rooms = [{"id": room, "members": members} for room, members in zip(cast.rooms, workload.rooms, strict=True)]
    return {
        "dialect": "warren",
        "sockets": sockets,
        "rooms": rooms,
        "rate": rate,
        "seconds": seconds,
        "warm_up": WARM_UP_SECONDS,
        "seed": 1,
        "body": BODY_BYTES,
    }


async def _start(job: dict[str, Any]) -> asyncio.subprocess.Process:
    worker = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.load",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**30,
    )
    _tell(worker, json.dumps(job))
    return worker


def _tell(worker: asyncio.subprocess.Process, line: str) -> None:
    assert worker.stdin is not None
    worker.stdin.write(line.encode() + b"\n")


async def _line(worker: asyncio.subprocess.Process) -> str:
    assert worker.stdout is not None
    line = await asyncio.wait_for(worker.stdout.readline(), 300)
    if not line:
        raise RuntimeError("the load process ended early; what it said is above")
    return line.decode()


async def _end(worker: asyncio.subprocess.Process) -> None:
    if worker.returncode is None:
        worker.kill()
        await worker.wait()


def _figures(
    workload: Workload,
    rate: float,
    seconds: float,
    through: str,
    result: dict[str, Any],
    used: dict[str, float],
    idle: dict[str, float],
    machine: float,
) -> Figures:
    if result["error"]:
        print(f"an error that clients got: {result['error']}", file=sys.stderr)
    delivery, ack, late = (dict(result[kind]) for kind in ("delivery", "ack", "late"))
    return Figures(
        system="warren",
        workload=workload.name,
        rate=rate,
        seconds=seconds,
        through=through,
        sent=result["sent"],
        acked=result["acked"],
        delivered=result["delivered"],
        lost=result["lost"],
        twice=result["twice"],
        errors=result["errors"],
        ack_p50=percentile(ack, 0.5),
        ack_p99=percentile(ack, 0.99),
        ack_p999=percentile(ack, 0.999),
        delivery_p50=percentile(delivery, 0.5),
        delivery_p99=percentile(delivery, 0.99),
        delivery_p999=percentile(delivery, 0.999),
        cpu_share={part: round(share, 4) for part, share in used.items()},
        idle_share={part: round(share, 4) for part, share in idle.items()},
        elsewhere_share=round(max(0.0, (machine - result["cpu"]) / seconds - sum(used.values())), 2),
        load_cpu_share=round(result["cpu"] / seconds, 3),
        load_late_p99=percentile(late, 0.99),
        chunks=result["chunks"],
    )
