"""One load process: its share of the sockets, an open loop of sends, and what came back when.

Started by `run.py` as `python -m bench.load` with a JSON job on stdin; says `ready` and then a JSON result on stdout.
"""

import asyncio
import gc
import json
import random
import resource
import sys
import time
from array import array
from typing import Any

import uvloop

from bench.wire import LoadSocket, text_frame

CONNECT_AT_ONCE = 50
STORM_AT_ONCE = 1_000
"""Sockets of one process on their way at once in a reconnect storm; the listeners' backlog bounds it anyway."""

SETTLE_SECONDS = 5.0
_MICRO = 1_000_000


class Load:
    """`job`: sockets [{url, token, number}], sends [{room, members}], rate (msg/s of this process), seconds, body."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._job = job
        self._sockets: dict[int, LoadSocket] = {}
        self.delivery_ms = array("f")
        self.ack_ms = array("f")
        self.late_ms = array("f")
        self.sent = 0
        self.expected = 0
        self.begin = 0
        self.end = sys.maxsize

    async def connect(self) -> None:
        gate = asyncio.Semaphore(CONNECT_AT_ONCE)

        async def one(entry: dict[str, Any]) -> None:
            async with gate:
                await self._connect_one(entry)

        await asyncio.gather(*(one(entry) for entry in self._job["sockets"]))

    async def _connect_one(self, entry: dict[str, Any]) -> None:
        host, port = entry["url"].removeprefix("ws://").split(":")
        hello = json.dumps({"op": "hello", "token": entry["token"], "batch": True}).encode()
        loop = asyncio.get_running_loop()
        _, socket = await loop.create_connection(lambda: LoadSocket(hello, self._on_stamps), host, int(port))
        await asyncio.wait_for(socket.ready, 60)
        self._sockets[entry["number"]] = socket

    def _on_stamps(self, deliveries: list[bytes], acks: list[bytes]) -> None:
        now = time.time_ns() // 1000
        begin, end = self.begin, self.end
        for stamps, into in ((deliveries, self.delivery_ms), (acks, self.ack_ms)):
            for stamp in stamps:
                due = int(stamp)
                if begin <= due < end:
                    into.append((now - due) / 1000)

    async def reconnect(self) -> dict[str, Any]:
        """Cut every socket at once and come back, each with its `hello`. Seconds until the half, and until all."""
        for socket in self._sockets.values():
            socket.cut()
        self._sockets.clear()
        began = time.monotonic()
        gate = asyncio.Semaphore(STORM_AT_ONCE)
        done: list[float] = []

        async def one(entry: dict[str, Any]) -> None:
            async with gate:
                await self._connect_one(entry)
                done.append(time.monotonic() - began)

        await asyncio.gather(*(one(entry) for entry in self._job["sockets"]))
        return {"half": sorted(done)[len(done) // 2], "all": max(done)}

    async def run(self, at: float) -> None:
        """Send from `at` (seconds since 1970) on; what is due in the first seconds only warms up."""
        job = self._job
        mine = [
            (room["id"], [number for number in room["members"] if number in self._sockets], len(room["members"]))
            for room in job["rooms"]
        ]
        mine = [entry for entry in mine if entry[1]]
        chance = random.Random(job["seed"])
        filler = "x" * (job["body"] - 17)
        gap = _MICRO / job["rate"]
        first = int(at * _MICRO) + chance.random() * gap
        self.begin = int((at + job["warm_up"]) * _MICRO)
        self.end = self.begin + int(job["seconds"] * _MICRO)
        number = 0
        while True:
            due = int(first + number * gap)
            if due >= self.end:
                break
            now = time.time_ns() // 1000
            if due > now:
                await asyncio.sleep((due - now) / _MICRO)
                continue
            number += 1
            room, members, size = mine[chance.randrange(len(mine))]
            sender = members[chance.randrange(len(members))]
            nonce = f"{job['seed']:03}-{due}"
            self._sockets[sender].send(
                text_frame(
                    f'{{"op":"send","id":"A{due:016}","room":"{room}","nonce":"{nonce}","body":"T{due:016}{filler}"}}'.encode()
                )
            )
            if due >= self.begin:
                self.sent += 1
                self.expected += size
                self.late_ms.append((now - due) / 1000)
            if number % 64 == 0:
                await asyncio.sleep(0)
        await self._settle()

    async def _settle(self) -> None:
        """Until nothing has come for a second, at most SETTLE_SECONDS."""
        until = time.monotonic() + SETTLE_SECONDS
        before = -1
        while time.monotonic() < until and before != len(self.delivery_ms) + len(self.ack_ms):
            before = len(self.delivery_ms) + len(self.ack_ms)
            await asyncio.sleep(1.0)

    def result(self) -> dict[str, Any]:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "sent": self.sent,
            "expected": self.expected,
            "errors": sum(socket.errors for socket in self._sockets.values()),
            "error": next((str(s.last_error) for s in self._sockets.values() if s.last_error), ""),
            "delivery_ms": self.delivery_ms.tolist(),
            "ack_ms": self.ack_ms.tolist(),
            "late_ms": self.late_ms.tolist(),
            "cpu": used.ru_utime + used.ru_stime,
        }


async def main() -> None:
    job = json.loads(sys.stdin.readline())
    load = Load(job)
    await load.connect()
    gc.freeze()
    gc.disable()
    print("ready", flush=True)
    word = (await asyncio.to_thread(sys.stdin.readline)).strip()
    if word == "storm":
        print(json.dumps(await load.reconnect()), flush=True)
        return
    if word != "stop":
        at = float(word)
        before = resource.getrusage(resource.RUSAGE_SELF)
        await load.run(at)
        result = load.result()
        result["cpu"] -= before.ru_utime + before.ru_stime
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
