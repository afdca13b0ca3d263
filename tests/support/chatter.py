"""A client that does what the contract says a client does, and is strict about what it gets; and several that chat.

Every connection must bring exactly the events after the last one that this client has: anything else is kept in
`violations`, also what a lenient client would just drop.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from picows import WSError, WSFrame, WSTransport

from tests.support.client import Account, Frame, Socket, new_nonce

SAY_SECONDS = 60.0
ANSWER_SECONDS = 20.0
RETRYABLE = ("unavailable", "overloaded", "deadline_exceeded", "rate_limited")


class Chatter:
    """One user in one room, one socket at a time: reconnects, resumes, sends again what was not acknowledged."""

    def __init__(self, account: Account, url: str, room: str, head: int) -> None:
        """`url`: where to connect, and to reconnect. `head`: the last `seq` that this client has of the room."""
        self.account = account
        self.url = url
        self.room = room
        self.events: list[Frame] = []
        self.acked: dict[str, int] = {}
        self.said: list[str] = []
        self.servers: list[str] = []
        self.violations: list[str] = []
        self.longest_wait = 0.0
        self.last = head
        self._socket: Socket | None = None
        self._ready = asyncio.Event()
        self._staying: asyncio.Task[None] | None = None

    @property
    def staying(self) -> asyncio.Task[None]:
        """Keeps the connection; ends only when something is wrong with this client."""
        assert self._staying is not None
        return self._staying

    @property
    def server(self) -> str:
        """The gateway that this client is, or was last, connected to."""
        return self.servers[-1]

    async def start(self) -> None:
        self._staying = asyncio.create_task(self._stay_connected())
        async with asyncio.timeout(SAY_SECONDS):
            await self._ready.wait()

    async def stop(self) -> None:
        if self._staying is not None:
            self._staying.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._staying
        if self._socket is not None and not self._socket.closed.is_set():
            self._socket.cut()

    async def say(self, body: str) -> int:
        """Send until it is acknowledged; its `seq`. Raises AssertionError when it is refused for good."""
        nonce, begun = new_nonce(), time.monotonic()
        self.said.append(nonce)
        async with asyncio.timeout(SAY_SECONDS):
            answer = await self._until_acknowledged(nonce, body)
        self.longest_wait = max(self.longest_wait, time.monotonic() - begun)
        self.acked[nonce] = answer["seq"]
        return int(answer["seq"])

    async def _until_acknowledged(self, nonce: str, body: str) -> Frame:
        attempt = 0
        while True:
            attempt += 1
            await self._ready.wait()
            socket = self._socket
            assert socket is not None
            frame_id = f"{nonce}.{attempt}"
            socket.say(op="send", id=frame_id, room=self.room, nonce=nonce, body=body)
            try:
                answer = await socket.wait(
                    lambda frame, mine=frame_id: frame.get("id") == mine,  # type: ignore[misc]
                    ANSWER_SECONDS,
                )
            except ConnectionError:
                await asyncio.sleep(0)  # `_stay_connected` sees it first
                continue
            if answer["op"] == "ack":
                return answer
            assert answer["code"] in RETRYABLE, answer
            await asyncio.sleep(answer.get("retry_after_ms", 200) / 1000)

    async def _stay_connected(self) -> None:
        attempt = 0
        while True:
            try:
                socket = await self._connect()
            except (OSError, ConnectionError, TimeoutError, WSError):
                attempt += 1
                await asyncio.sleep(random.uniform(0, min(2.0, 0.1 * 2**attempt)))
                continue
            attempt = 0
            await socket.closed.wait()
            self._ready.clear()

    async def _connect(self) -> Socket:
        async with asyncio.timeout(5):
            socket = await _Wire.connect(self.url)
        socket.chatter = self
        self._socket = socket
        socket.say(op="hello", token=self.account.token, rooms={self.room: self.last}, batch=True)
        try:
            ready = await socket.op("ready", ANSWER_SECONDS)
        except TimeoutError:
            socket.cut()
            raise
        self.servers.append(ready["server_id"])
        self._ready.set()
        return socket

    def take(self, frame: Frame) -> None:
        """One frame off the wire."""
        if frame["op"] == "reset":
            self.violations.append(f"{self.account.username} was reset: {frame}")
        if frame["op"] != "event" or frame["room"] != self.room:
            return
        if frame["seq"] != self.last + 1:
            self.violations.append(f"{self.account.username} had {self.last} and got {frame['seq']} of {self.server}")
        if frame["seq"] > self.last:
            self.last = frame["seq"]
            self.events.append(frame)

    def nonces(self) -> list[str]:
        """Of the messages, in the order in which they came."""
        return [event["message"]["nonce"] for event in self.events if event["type"] == "message.created"]


class _Wire(Socket):
    """Hands every frame to its chatter as it comes."""

    chatter: Chatter

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        before = len(self.frames)
        super().on_ws_frame(transport, frame)
        for found in self.frames[before:]:
            self.chatter.take(found)


class Chat:
    """Chatters who all talk at the same time, each one message after another, until the context ends.

    The end waits until everybody has everything and checks promises P1 and P2.
    """

    def __init__(self, chatters: Iterable[Chatter], pause: float = 0.05) -> None:
        self.chatters = list(chatters)
        self._pause = pause
        self._head = self.chatters[0].last
        self._talking = True
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await asyncio.gather(*(chatter.start() for chatter in self.chatters))
        self._tasks = [asyncio.create_task(self._talk(chatter)) for chatter in self.chatters]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                await self._end()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await asyncio.gather(*(chatter.stop() for chatter in self.chatters))

    async def flows(self, seconds: float, chatters: Iterable[Chatter] = (), messages: int = 2) -> float:
        """Return when each of these (default: all) got `messages` more acknowledged; how long that took.

        Raises AssertionError when it does not happen in time.
        """
        chosen = list(chatters) or self.chatters
        wanted = {chatter: len(chatter.acked) + messages for chatter in chosen}
        begun = time.monotonic()
        while waiting := [chatter for chatter in chosen if len(chatter.acked) < wanted[chatter]]:
            for task in (*self._tasks, *(chatter.staying for chatter in chosen)):
                if task.done():
                    task.result()
            names = [chatter.account.username for chatter in waiting]
            assert time.monotonic() - begun < seconds, f"nothing acknowledged within {seconds} s to {names}"
            await asyncio.sleep(0.01)
        return time.monotonic() - begun

    @property
    def longest_wait(self) -> float:
        """The longest that a message took from the first attempt to its acknowledgement."""
        return max(chatter.longest_wait for chatter in self.chatters)

    async def _talk(self, chatter: Chatter) -> None:
        while self._talking:
            await chatter.say(f"{chatter.account.username} {len(chatter.said)}")
            await asyncio.sleep(self._pause)

    async def _end(self) -> None:
        self._talking = False
        await asyncio.gather(*self._tasks)
        head = max(seq for chatter in self.chatters for seq in chatter.acked.values())
        deadline = time.monotonic() + 20
        while behind := [chatter for chatter in self.chatters if chatter.last < head]:
            names = {chatter.account.username: chatter.last for chatter in behind}
            assert time.monotonic() < deadline, f"acknowledged up to {head}, but these got only {names}"
            await asyncio.sleep(0.02)
        self._check(await self._history())

    async def _history(self) -> list[Frame]:
        """All events since the start, as the REST contract pages them."""
        account, events = self.chatters[0].account, []
        after = self._head
        while True:
            page = await account.ok("GET", f"/rooms/{self.chatters[0].room}/events", after=after, limit=200)
            events += page["events"]
            if not page["events"] or page["events"][-1]["seq"] >= page["head"]:
                return events
            after = page["events"][-1]["seq"]

    def _check(self, history: list[Frame]) -> None:
        violations = [violation for chatter in self.chatters for violation in chatter.violations]
        assert not violations, violations
        seqs = [event["seq"] for event in history]
        assert seqs == list(range(self._head + 1, self._head + 1 + len(history))), "the stored events have a gap"
        for chatter in self.chatters:
            name = chatter.account.username
            assert chatter.events == history[: len(chatter.events)], f"{name} saw something else than what is stored"
        stored = {event["message"]["nonce"]: event["seq"] for event in history if event["type"] == "message.created"}
        nonces = [event["message"]["nonce"] for event in history if event["type"] == "message.created"]
        assert len(nonces) == len(set(nonces)), "a message is there twice"
        for chatter in self.chatters:
            lost = {nonce: seq for nonce, seq in chatter.acked.items() if stored.get(nonce) != seq}
            assert not lost, f"acknowledged to {chatter.account.username}, but not stored so: {lost}"
            mine = [nonce for nonce in nonces if nonce in set(chatter.said)]
            assert mine == chatter.said, f"the order of {chatter.account.username}'s messages was not kept"


async def chatters(accounts: Iterable[tuple[Account, str]], room: str) -> list[Chatter]:
    """Chatters of a room that all its members are in already; each with the address to connect to."""
    pairs = list(accounts)
    head = (await pairs[0][0].ok("GET", f"/rooms/{room}"))["head"]
    return [Chatter(account, url, room, head) for account, url in pairs]
