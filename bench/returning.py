"""The load process of the kill experiment: members that come back at once, and what each of them saw in the end.

Started like `bench.load`. Every socket has its own record; one that is cut connects again to the next server, and says
what it has seen if the dialect knows how. Few messages a second, so it reads everything as it comes.
"""

import asyncio
import json
import random
import re
import sys
import time
from typing import Any

import uvloop

from bench.dialects import DIALECTS, Heads
from bench.wire import LoadSocket, Seen

CONNECT_AT_ONCE = 50
READY_SECONDS = 20.0
RETRY_SECONDS = 0.05
SETTLE_SECONDS = 5.0
_MICRO = 1_000_000
_events = re.compile(rb'"op":"event","room":"([^"]+)","seq":([0-9]+)').findall
_heads = re.compile(rb'"rooms":(\{[^}]*\})').search


class Member(LoadSocket):
    """A socket that keeps the head of each of its rooms in `heads`, and tells when it is lost."""

    def __init__(self, client: "Client") -> None:
        super().__init__(client.dialect, client.dialect.hello(client.token, client.heads), client.seen)
        self._client = client
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        heads = self._client.heads
        if not heads and (told := _heads(data)):
            heads.update(json.loads(told[1]))
        whole = self._rest + data
        for room, seq in _events(whole):
            heads[room.decode()] = int(seq)
        self._rest = whole[-100:]

    def connection_lost(self, exc: Exception | None) -> None:
        was_ready = self.ready.done() and not self.ready.cancelled() and self.ready.exception() is None
        super().connection_lost(exc)
        if was_ready:
            self._client.lost()


class Client:
    """One member with all its connections, one after the other."""

    def __init__(self, job: dict[str, Any], entry: dict[str, Any], urls: list[str]) -> None:
        self.dialect = DIALECTS[job["dialect"]]
        self.token = entry["token"]
        self.heads: Heads = {}
        self.seen = Seen()
        self.socket: Member | None = None
        self.lost_at = 0.0
        self.back_at = 0.0
        self._urls = urls
        self._place = urls.index(entry["url"])
        self._step = 1 + entry["number"] % max(1, len(urls) - 1)
        self._again: asyncio.Task[None] | None = None
        self._over = False

    async def connect(self) -> None:
        host, port = self._urls[self._place].removeprefix("ws://").split(":")
        loop = asyncio.get_running_loop()
        _, socket = await loop.create_connection(lambda: Member(self), host, int(port))
        await asyncio.wait_for(socket.ready, READY_SECONDS)
        self.socket = socket

    def lost(self) -> None:
        self.socket = None
        if self._over:
            return
        self.lost_at = self.lost_at or time.monotonic()
        self.back_at = 0.0
        self._again = asyncio.get_running_loop().create_task(self._come_back())

    async def _come_back(self) -> None:
        """To the other servers, evenly, as a load balancer would."""
        while True:
            self._place = (self._place + self._step) % len(self._urls)
            self._step = 1
            try:
                await self.connect()
            except (OSError, TimeoutError):
                await asyncio.sleep(RETRY_SECONDS)
            else:
                self.back_at = time.monotonic()
                return

    async def stop(self) -> None:
        self._over = True
        if self._again is not None:
            self._again.cancel()
            await asyncio.gather(self._again, return_exceptions=True)


def digits(chunks: list[tuple[int, bytes]]) -> set[bytes]:
    """All stamps of some chunks."""
    return {joined[at : at + 16] for _, joined in chunks for at in range(0, len(joined), 16)}


class Experiment:
    """Sends at a steady rate from members that are connected, and compares in the end."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._job = job
        urls = sorted({entry["url"] for entry in job["sockets"]})
        self.clients = [Client(job, entry, urls) for entry in job["sockets"]]
        self._sent: dict[bytes, list[int]] = {}

    async def connect(self) -> None:
        gate = asyncio.Semaphore(CONNECT_AT_ONCE)

        async def one(client: Client) -> None:
            async with gate:
                await client.connect()

        await asyncio.gather(*(one(client) for client in self.clients))

    async def run(self, at: float) -> None:
        job = self._job
        chance = random.Random(job["seed"])
        dialect = DIALECTS[job["dialect"]]
        rooms = [(room["members"], dialect.send_pieces(room["id"], job["body"])) for room in job["rooms"]]
        for number in range(int(job["rate"] * job["seconds"])):
            due = int((at + number / job["rate"]) * _MICRO)
            await asyncio.sleep(max(0.0, due / _MICRO - time.time()))
            members, pieces = chance.choice(rooms)
            here = [socket for member in members if (socket := self.clients[member].socket) is not None]
            if here:
                transport = chance.choice(here).transport
                assert transport is not None
                stamp = b"%d" % due
                transport.write(stamp.join(pieces))
                self._sent[stamp] = members
        await asyncio.sleep(SETTLE_SECONDS)
        await asyncio.gather(*(client.stop() for client in self.clients))

    def result(self) -> dict[str, Any]:
        """`never_seen`: acknowledged messages that some member never saw, however late."""
        saw = [digits(client.seen.deliveries) for client in self.clients]
        acked = set().union(*(digits(client.seen.acks) for client in self.clients)) & self._sent.keys()
        missing = [stamp for stamp in acked if any(stamp not in saw[member] for member in self._sent[stamp])]
        cut = [client for client in self.clients if client.lost_at]
        first = min((client.lost_at for client in cut), default=0.0)
        return {
            "sent": len(self._sent),
            "acked": len(acked),
            "never_seen": len(missing),
            "cut": len(cut),
            "never_back": sum(not client.back_at for client in cut),
            "back_seconds": round(max((client.back_at - first for client in cut if client.back_at), default=0.0), 2),
        }


async def main() -> None:
    experiment = Experiment(json.loads(sys.stdin.readline()))
    await experiment.connect()
    print("ready", flush=True)
    word = (await asyncio.to_thread(sys.stdin.readline)).strip()
    await experiment.run(float(word))
    print(json.dumps(experiment.result()), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
