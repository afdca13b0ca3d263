"""The load process: all sockets, an open loop of sends, and what came back when.

Started by `run.py` as `python -m bench.load` with a JSON job on stdin; says `ready` and then a JSON result on stdout.

It shares its cores with what it measures, so it does little while it runs. At more than BUSY_DELIVERIES a second it
looks at its sockets every TICK_SECONDS only, and sleeps in between without waiting on them: a server's write then wakes
nobody, and several writes are read at once. That adds up to TICK_SECONDS to each latency, never takes from it.
"""

import asyncio
import gc
import json
import random
import re
import resource
import sys
import time
from collections import Counter
from typing import Any

import uvloop

from bench.dialects import DIALECTS
from bench.figures import Histogram, missing_and_twice, tally
from bench.process import most_sockets
from bench.wire import LoadSocket, Seen

CONNECT_AT_ONCE = 50
STORM_AT_ONCE = 1_000
"""Sockets on their way at once in a reconnect storm; the listeners' backlog bounds it anyway."""

BACK_OFF_SECONDS = (0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0)
"""As the client contract says: up to so long before the next try."""

SOCKETS_OF_AN_ADDRESS = 20_000
"""An address has some 28,000 ports, and all sockets may go to one, that of nginx."""

BUSY_DELIVERIES = 20_000
TICK_SECONDS = 0.004
SETTLE_SECONDS = 8.0
SETTLE_STEP_SECONDS = 0.2
_MICRO = 1_000_000
NOT_TEXT = re.compile(rb"[^ -~]+")
"""Heads of frames around an error's text."""


class Load:
    """`job`: dialect, sockets [{url, token, number}], rooms [{id, members}], rate, seconds, warm_up, seed, body."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._job = job
        self._dialect = DIALECTS[job["dialect"]]
        self._sockets: dict[int, LoadSocket] = {}
        self.seen = Seen()
        self.late: Histogram = Counter()
        self.expected: dict[int, int] = {}
        self.begin = 0
        self.end = sys.maxsize
        self.cpu = 0.0

    async def connect(self) -> None:
        gate = asyncio.Semaphore(CONNECT_AT_ONCE)

        async def one(entry: dict[str, Any]) -> None:
            async with gate:
                await self._connect_one(entry)

        await asyncio.gather(*(one(entry) for entry in self._job["sockets"]))

    async def _connect_one(self, entry: dict[str, Any]) -> None:
        host, port = entry["url"].removeprefix("ws://").split(":")
        loop = asyncio.get_running_loop()
        address = entry["number"] // SOCKETS_OF_AN_ADDRESS
        _, socket = await loop.create_connection(
            lambda: LoadSocket(self._dialect, self._dialect.hello(entry["token"], {}), self.seen),
            host,
            int(port),
            local_addr=(f"127.0.0.{1 + address}", 0) if address else None,
        )
        await asyncio.wait_for(socket.ready, 60)
        self._sockets[entry["number"]] = socket

    async def reconnect(self) -> dict[str, Any]:
        """Cut every socket at once and come back, each with its `hello`, again when it is refused.

        Seconds until the half, and until all; `refused` counts the tries that were turned away.
        """
        for socket in self._sockets.values():
            socket.cut()
        self._sockets.clear()
        began = time.monotonic()
        gate = asyncio.Semaphore(STORM_AT_ONCE)
        done: list[float] = []
        refused = 0

        async def one(entry: dict[str, Any]) -> None:
            nonlocal refused
            for wait in (*BACK_OFF_SECONDS, None):
                try:
                    async with gate:
                        await self._connect_one(entry)
                except (OSError, TimeoutError):
                    refused += 1
                    if wait is None:
                        raise
                    await asyncio.sleep(random.uniform(0, wait))
                else:
                    done.append(time.monotonic() - began)
                    return

        await asyncio.gather(*(one(entry) for entry in self._job["sockets"]))
        return {"half": sorted(done)[len(done) // 2], "all": max(done), "refused": refused}

    def _plan(self, first: int) -> list[tuple[int, Any, list[bytes], int]]:
        """Every send there will be: (microsecond at which it is due, transport, frame pieces, deliveries)."""
        job = self._job
        chance = random.Random(job["seed"])
        rooms = [
            (
                [self._sockets[n].transport for n in room["members"]],
                self._dialect.send_pieces(room["id"], job["body"]),
            )
            for room in job["rooms"]
        ]
        gap = _MICRO / job["rate"]
        plan = []
        for number in range(int(job["rate"] * (job["warm_up"] + job["seconds"]))):
            members, pieces = rooms[chance.randrange(len(rooms))]
            plan.append((first + int(number * gap), chance.choice(members), pieces, len(members)))
        return plan

    async def run(self, at: float) -> None:
        """Send from `at` (seconds since 1970) on; what is due in the first seconds only warms up."""
        job = self._job
        first = int(at * _MICRO)
        self.begin = begin = first + int(job["warm_up"] * _MICRO)
        self.end = begin + int(job["seconds"] * _MICRO)
        plan = self._plan(first)
        biggest = max(len(room["members"]) for room in job["rooms"])
        busy = job["rate"] * biggest > BUSY_DELIVERIES
        clock, late, started = time.time_ns, [], 0.0
        place = 0
        while place < len(plan):
            now = clock() // 1000
            due = plan[place][0]
            while due <= now:
                _, transport, pieces, _ = plan[place]
                transport.write((b"%d" % due).join(pieces))
                late.append(now - due)
                place += 1
                if place == len(plan):
                    break
                due = plan[place][0]
            if not started and due >= begin:
                started = _cpu()
            if busy:
                await asyncio.sleep(0)
                time.sleep(TICK_SECONDS)  # noqa: ASYNC251 - nothing must wake before the tick, see the module
            else:
                await asyncio.sleep(max(due - now, 1_000) / _MICRO)
        self.cpu = _cpu() - started
        self.expected = {due: size for due, _, _, size in plan if due >= begin}
        self.late = Counter(late[i] // 100 for i in range(len(plan) - len(self.expected), len(plan)))
        await self._settle(sum(size for _, _, _, size in plan), len(plan))

    async def _settle(self, deliveries: int, acks: int) -> None:
        """Until everything has come, warm-up included; at most SETTLE_SECONDS."""
        for _ in range(int(SETTLE_SECONDS / SETTLE_STEP_SECONDS)):
            if self.seen.delivered >= deliveries and self.seen.acked >= acks:
                return
            await asyncio.sleep(SETTLE_STEP_SECONDS)

    def result(self) -> dict[str, Any]:
        """Times as [[steps of 0.1 ms, how many]]."""
        deliveries = tally(self.seen.deliveries, self.begin, self.end)
        acks = tally(self.seen.acks, self.begin, self.end)
        lost, twice = missing_and_twice(self.expected, deliveries.count)
        return {
            "sent": len(self.expected),
            "lost": lost,
            "twice": twice,
            "acked": len(acks.count),
            "delivered": deliveries.count.total(),
            "errors": self.seen.errors,
            "error": NOT_TEXT.sub(b" ", self.seen.last_error).decode(),
            "delivery": list(deliveries.times.items()),
            "ack": list(acks.times.items()),
            "late": list(self.late.items()),
            "chunks": self.seen.chunks,
            "cpu": self.cpu,
        }


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def main() -> None:
    most_sockets()
    job = json.loads(sys.stdin.readline())
    load = Load(job)
    await load.connect()
    gc.freeze()
    gc.disable()
    print("ready", flush=True)
    word = (await asyncio.to_thread(sys.stdin.readline)).strip()
    if word == "storm":
        print(json.dumps(await load.reconnect()), flush=True)
    elif word != "stop":
        await load.run(float(word))
        print(json.dumps(load.result()), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
