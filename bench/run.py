"""One measurement: load processes over all gateways, and what they and the system say of it."""

import asyncio
import json
import math
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

from bench.system import System, cpu_seconds, memory_bytes
from bench.users import Cast
from bench.workloads import BODY_BYTES, Workload

PROCESSES = 2
WARM_UP_SECONDS = 2.0
LATE_MS = 25.0
"""A load process whose sends leave later than this (p99) is itself the limit."""


@dataclass
class Figures:
    """What one measurement gave. Times in ms, CPU in microseconds."""

    workload: str
    rate: float
    seconds: float
    through: str
    sent: int
    acked: int
    delivered: int
    lost: int
    errors: int
    ack_p50: float
    ack_p99: float
    ack_p999: float
    delivery_p50: float
    delivery_p99: float
    delivery_p999: float
    cpu_us_per_delivery: float
    cpu_ms_per_message: float
    cpu_share: dict[str, float]
    load_cpu_share: float
    load_late_p99: float

    @property
    def generator_is_the_limit(self) -> bool:
        return self.load_late_p99 > LATE_MS

    @property
    def holds(self) -> bool:
        """Everything acknowledged and delivered, p99 under a quarter of a second."""
        return self.lost == 0 and self.acked == self.sent and self.errors == 0 and self.delivery_p99 < 250

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def percentile(values: list[float], share: float) -> float:
    """The value that `share` of the sorted `values` do not exceed; nan without values."""
    if not values:
        return math.nan
    return values[min(len(values) - 1, int(len(values) * share))]


async def measure(
    system: System, workload: Workload, cast: Cast, *, rate: float, seconds: float, nginx: bool = False
) -> Figures:
    """Run one open loop of `rate` messages a second in all."""
    workers = [await _start(_job(system, workload, cast, index, rate, seconds, nginx)) for index in range(PROCESSES)]
    for worker in workers:
        await _line(worker)
    at = time.time() + 0.5
    for worker in workers:
        _tell(worker, str(at))
    await asyncio.sleep(0.5 + WARM_UP_SECONDS)
    before, began = cpu_seconds(system), time.monotonic()
    await asyncio.sleep(seconds)
    after, took = cpu_seconds(system), time.monotonic() - began
    results = [json.loads(await _line(worker)) for worker in workers]
    for worker in workers:
        await worker.wait()
    used = {part: after[part] - before[part] for part in after}
    return _figures(workload, rate, took, "nginx" if nginx else "gateways", results, used)


@dataclass
class Idle:
    """Sockets that are signed in and say nothing. KiB a connection, growth of all gateways together."""

    connections: int
    kib_per_connection: float
    cpu_share: dict[str, float]


async def measure_idle(system: System, workload: Workload, cast: Cast, *, each: int, seconds: float) -> Idle:
    """Connect every user `each` times."""
    before = memory_bytes(system)["gateway"]
    jobs = [_job(system, workload, cast, index, 0, seconds, False) for index in range(PROCESSES)]
    for job in jobs:
        sockets = job["sockets"]
        job["sockets"] = [
            {**socket, "number": socket["number"] + turn * workload.users, "url": _turned(system, socket["url"], turn)}
            for turn in range(each)
            for socket in sockets
        ]
    workers = [await _start(job) for job in jobs]
    for worker in workers:
        await _line(worker)
    used = cpu_seconds(system)
    await asyncio.sleep(seconds)
    after = cpu_seconds(system)
    grown = memory_bytes(system)["gateway"] - before
    for worker in workers:
        _tell(worker, "stop")
        await worker.wait()
    count = each * workload.users
    share = {part: round((after[part] - used[part]) / seconds, 3) for part in after}
    return Idle(count, grown / count / 1024, share)


async def measure_storm(system: System, workload: Workload, cast: Cast) -> dict[str, float]:
    """Cut all sockets at once. Seconds until half of them, and until all, are ready again."""
    workers = [await _start(_job(system, workload, cast, index, 0, 0, False)) for index in range(PROCESSES)]
    for worker in workers:
        await _line(worker)
    for worker in workers:
        _tell(worker, "storm")
    found = [json.loads(await _line(worker)) for worker in workers]
    for worker in workers:
        await worker.wait()
    return {key: max(one[key] for one in found) for key in ("half", "all")}


def _turned(system: System, url: str, turn: int) -> str:
    """Another gateway at each turn, so that a user's sockets are spread."""
    return system.sockets[(system.sockets.index(url) + turn) % len(system.sockets)]


def _job(
    system: System, workload: Workload, cast: Cast, index: int, rate: float, seconds: float, nginx: bool
) -> dict[str, Any]:
    urls = [system.app.replace("http://", "ws://")] if nginx else system.sockets
    sockets = [
        {"url": urls[number // PROCESSES % len(urls)], "token": cast.tokens[number], "number": number}
        for number in range(index, workload.users, PROCESSES)
    ]
    rooms = [{"id": room, "members": members} for room, members in zip(cast.rooms, workload.rooms, strict=True)]
    return {
        "sockets": sockets,
        "rooms": rooms,
        "rate": rate / PROCESSES,
        "seconds": seconds,
        "warm_up": WARM_UP_SECONDS,
        "seed": index,
        "body": BODY_BYTES,
    }


async def _start(job: dict[str, Any]) -> asyncio.subprocess.Process:
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.load", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**30
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
        raise RuntimeError("a load process ended; see its message above")
    return line.decode()


def _figures(
    workload: Workload, rate: float, seconds: float, through: str, results: list[dict[str, Any]], used: dict[str, float]
) -> Figures:
    sent = sum(result["sent"] for result in results)
    expected = sum(result["expected"] for result in results)
    delivery = sorted(value for result in results for value in result["delivery_ms"])
    ack = sorted(value for result in results for value in result["ack_ms"])
    late = sorted(value for result in results for value in result["late_ms"])
    cpu = sum(used.values())
    error = next((result["error"] for result in results if result["error"]), "")
    if error:
        print(f"an error that clients got: {error}", file=sys.stderr)
    return Figures(
        workload=workload.name,
        rate=rate,
        seconds=round(seconds, 2),
        through=through,
        sent=sent,
        acked=len(ack),
        delivered=len(delivery),
        lost=expected - len(delivery),
        errors=sum(result["errors"] for result in results),
        ack_p50=percentile(ack, 0.5),
        ack_p99=percentile(ack, 0.99),
        ack_p999=percentile(ack, 0.999),
        delivery_p50=percentile(delivery, 0.5),
        delivery_p99=percentile(delivery, 0.99),
        delivery_p999=percentile(delivery, 0.999),
        cpu_us_per_delivery=cpu / max(len(delivery), 1) * 1e6,
        cpu_ms_per_message=cpu / max(sent, 1) * 1e3,
        cpu_share={part: round(value / seconds, 3) for part, value in used.items()},
        load_cpu_share=sum(result["cpu"] for result in results) / seconds,
        load_late_p99=percentile(late, 0.99),
    )
