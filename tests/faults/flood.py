# ruff: noqa: T201 - speaks with its parent over stdin and stdout
"""More than Warren can carry, from a process of its own: `python -m tests.faults.flood`, driven by `flooding.py`.

Reads a JSON line: {"sockets": [{name, user, url, token, rooms}], "body": characters, "seed": n}; connects, prints
{"ready": n}. Then lines of words:
    measure SECONDS     keep WINDOW messages of each socket under way; prints {"rate": answers a second}
    flood RATE SECONDS  an open loop; prints {"begun", "ended", "sent", "held"}: `held` could not leave, as the server
                        took no more from that socket
    finish FILE         wait for what is open and for all that still comes, close, write all records to FILE; prints
                        what each device is left with
"""

import asyncio
import gc
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from tests.faults import records
from tests.faults.raw_socket import RawSocket, text_frame
from tests.faults.transcript import Sent, Transcript

WINDOW = 8
NICE = 19
TICK_SECONDS = 0.005
CONNECT_AT_ONCE = 40
CONNECT_SECONDS = 60.0
ANSWERS_SECONDS = 25.0
"""Longer than a gateway waits for an answer: then it says that there was none."""
QUIET_SECONDS = 2.0
"""Who leaves before everything has come reads the rest when it comes back to be compared, and seems to be late."""


class Client:
    """One socket with what was sent on it."""

    def __init__(self, entry: dict[str, Any], seed: int) -> None:
        self.name: str = entry["name"]
        self.user: str = entry["user"]
        self.url: str = entry["url"]
        self.rooms: list[str] = entry["rooms"]
        self.hello = msgspec.json.encode({"op": "hello", "token": entry["token"], "batch": True})
        self.chance = random.Random(f"{seed} {self.name}")
        self.socket: RawSocket
        self.sent: list[Sent] = []

    @property
    def open(self) -> int:
        return len(self.sent) - self.socket.answers

    async def connect(self) -> None:
        host, _, port = self.url.removeprefix("ws://").removesuffix("/ws").partition(":")
        loop = asyncio.get_running_loop()
        _, self.socket = await loop.create_connection(lambda: RawSocket(self.hello), host, int(port))
        await asyncio.wait_for(self.socket.ready, CONNECT_SECONDS)

    def say(self, count: int, filler: str) -> None:
        """`count` messages in one write."""
        now, frames = time.monotonic(), []
        for _ in range(count):
            room, nonce = self.chance.choice(self.rooms), f"{self.chance.getrandbits(96):024x}"
            body = f"{len(self.sent)} {filler}"
            self.sent.append(Sent(now, room, nonce, body))
            frames.append(
                text_frame(f'{{"op":"send","id":"{nonce}","room":"{room}","nonce":"{nonce}","body":"{body}"}}'.encode())
            )
        self.socket.send(b"".join(frames))


class Flood:
    """All sockets of this process."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._clients = [Client(entry, job["seed"]) for entry in job["sockets"]]
        self._chance = random.Random(job["seed"])
        self._filler = "x" * job["body"]
        self._began = time.monotonic()

    async def connect(self) -> dict[str, Any]:
        gate = asyncio.Semaphore(CONNECT_AT_ONCE)

        async def one(client: Client) -> None:
            async with gate:
                await client.connect()

        await asyncio.gather(*(one(client) for client in self._clients))
        return {"ready": len(self._clients)}

    async def measure(self, seconds: float) -> dict[str, Any]:
        begun, before = time.monotonic(), self._answers()
        while time.monotonic() - begun < seconds:
            for client in self._clients:
                if client.open < WINDOW // 2:
                    client.say(WINDOW - client.open, self._filler)
            await asyncio.sleep(TICK_SECONDS)
        rate = (self._answers() - before) / (time.monotonic() - begun)
        await self._answered()
        return {"rate": rate}

    async def flood(self, rate: float, seconds: float) -> dict[str, Any]:
        begun, done, held = time.monotonic(), 0, 0
        while (now := time.monotonic()) - begun < seconds:
            due = int((now - begun) * rate) - done
            done += due
            counts: dict[Client, int] = {}
            for client in self._chance.choices(self._clients, k=due):
                counts[client] = counts.get(client, 0) + 1
            for client, count in counts.items():
                if client.socket.held or client.socket.closed_at is not None:
                    held += count
                else:
                    client.say(count, self._filler)
            await asyncio.sleep(max(0.0, TICK_SECONDS - (time.monotonic() - now)))
        return {"begun": begun, "ended": time.monotonic(), "sent": done - held, "held": held}

    async def finish(self, path: str) -> dict[str, Any]:
        await self._answered()
        await self._quiet()
        for client in self._clients:
            client.socket.close()
        await asyncio.sleep(0)  # the sockets learn that they are closed
        os.nice(NICE)  # what follows is only arithmetic: it must not slow down what is measured meanwhile
        refusals: dict[str, int] = {}
        left, without_a_time = {}, 0
        encode = msgspec.json.Encoder().encode
        with Path(path).open("wb") as file:
            for client in self._clients:
                transcript = Transcript(
                    client.name, client.user, [records.Device(self._began, client.name, client.user)]
                )
                transcript.read(client.sent, client.socket.frames)
                closed = client.socket.closed_at or time.monotonic()
                transcript.records.append(records.Closed(closed, client.name, 1, client.socket.close_code))
                file.writelines(encode(record) + b"\n" for record in transcript.records)
                left[client.name] = msgspec.to_builtins(transcript.left())
                without_a_time += transcript.without_a_time
                for code, count in transcript.refusals.items():
                    refusals[code] = refusals.get(code, 0) + count
        return {"left": left, "refusals": refusals, "without_a_time": without_a_time}

    def _answers(self) -> int:
        return sum(client.socket.answers for client in self._clients)

    async def _answered(self) -> None:
        until = time.monotonic() + ANSWERS_SECONDS
        while time.monotonic() < until and any(
            client.open > 0 for client in self._clients if client.socket.closed_at is None
        ):
            await asyncio.sleep(TICK_SECONDS)

    async def _quiet(self) -> None:
        until = time.monotonic() + ANSWERS_SECONDS
        heard = max(client.socket.heard_at for client in self._clients)
        while time.monotonic() < min(until, heard + QUIET_SECONDS):
            await asyncio.sleep(TICK_SECONDS)
            heard = max(client.socket.heard_at for client in self._clients)


async def main() -> None:
    flood = Flood(json.loads(sys.stdin.readline()))
    print(json.dumps(await flood.connect()), flush=True)
    gc.disable()  # everything is kept until the end: there is nothing to collect
    while line := await asyncio.to_thread(sys.stdin.readline):
        word, *values = line.split()
        match word:
            case "measure":
                answer = await flood.measure(float(values[0]))
            case "flood":
                answer = await flood.flood(float(values[0]), float(values[1]))
            case "finish":
                answer = await flood.finish(values[0])
            case _:
                raise ValueError(f"unknown word {word!r}: see this module's description")
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
