"""One RabbitMQ connection of an instance: connect, open channels, and come back after a loss.

Robust connections of the client library are known to lose consumers after a broker restart, so this one does not
mend a broken connection: it makes a new one and runs the same set-up hooks again. Any channel that closes
unasked takes the whole connection with it, so there is no half-working state.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import aio_pika
from aiormq.channel import Channel
from aiormq.exceptions import AMQPError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from warren.chassis.amqp_client import QuickChannel
from warren.chassis.channel import QueueDiffers
from warren.chassis.lifecycle import Tasks
from warren.chassis.telemetry import get_logger
from warren.contracts.errors import Code, Refusal

HEARTBEAT_SECONDS = 10
"""The client's default takes minutes to notice a silent peer; the broker gives one up after two to three of these."""
CONNECT_SECONDS = 5
SETUP_SECONDS = 15
"""What all hooks of a connection may take: a broker that cannot serve a queue may let who declares it wait for minutes,
and another node could."""

REMIND_TRIES = 30
"""What does not mend itself is logged at each so many tries."""

log = get_logger("broker")
ConnectHook = Callable[["Link"], Awaitable[None]]


class Link:
    """One life of the connection. Channels opened here die with it."""

    def __init__(self, connection: aio_pika.abc.AbstractConnection) -> None:
        self._connection = connection
        self._channels: list[aio_pika.abc.AbstractChannel] = []
        self._closing = False

    async def channel(self, *, prefetch: int = 0, confirms: bool = True) -> Channel:
        """A new channel. `confirms` are needed to learn of unroutable and refused messages."""
        channel = self._connection.channel(publisher_confirms=confirms)
        await channel.initialize(timeout=CONNECT_SECONDS)
        self._channels.append(channel)
        channel.close_callbacks.add(self._on_channel_closed)
        underlay = await channel.get_underlay_channel()
        assert isinstance(underlay, QuickChannel)
        underlay.on_consumer_cancel_callbacks.add(self._on_consumer_cancelled)
        if prefetch:
            await underlay.basic_qos(prefetch_count=prefetch)
        return underlay

    async def _on_channel_closed(self, _channel: Any, error: BaseException | None) -> None:
        if not self._closing and not self._connection.is_closed:
            log.warning("a channel closed; making a new connection", error=str(error))
            await self.close()

    async def _on_consumer_cancelled(self, _frame: Any) -> None:
        log.warning("the broker cancelled a consumer; making a new connection")
        asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(self.close()))

    async def close(self) -> None:
        self._closing = True
        with contextlib.suppress(AMQPError, ConnectionError, TimeoutError):
            await asyncio.wait_for(self._connection.close(), CONNECT_SECONDS)

    @property
    def closed(self) -> bool:
        return self._connection.is_closed

    async def wait_closed(self) -> None:
        await self._connection.closed()


class Broker:
    """The connection as a part of a service."""

    def __init__(self, url: str, server_id: str, tasks: Tasks, heartbeat_seconds: int = HEARTBEAT_SECONDS) -> None:
        self._url = url
        self._heartbeat_seconds = heartbeat_seconds
        self._server_id = server_id
        self._tasks = tasks
        self._hooks: list[ConnectHook] = []
        self._lost: list[Callable[[], None]] = []
        self._up = asyncio.Event()
        self._link: Link | None = None
        self._task: asyncio.Task[None] | None = None
        self.problem = ""
        """Why there is no connection, when that does not mend itself."""

    def on_connect(self, hook: ConnectHook) -> None:
        """Run `hook` on each new connection, in the order of registration, before it counts as up."""
        self._hooks.append(hook)

    def on_lost(self, hook: Callable[[], None]) -> None:
        """Run `hook` when a connection is lost."""
        self._lost.append(hook)

    @property
    def is_up(self) -> bool:
        return self._up.is_set()

    async def start(self) -> None:
        """Wait for the first connection with all hooks run."""
        self._task = self._tasks.spawn("broker", self._keep_connected())
        await self._up.wait()

    async def stop(self) -> None:
        await self._tasks.cancel(self._task)
        if self._link is not None:
            await self._link.close()

    async def _keep_connected(self) -> None:
        while True:
            link = await self._connect()
            self._link = link
            self.problem = ""
            self._up.set()
            log.info("connected to RabbitMQ")
            try:
                await link.wait_closed()
            finally:
                self._up.clear()
                for hook in self._lost:
                    hook()
            log.warning("lost the connection to RabbitMQ")

    async def _connect(self) -> Link:
        async for attempt in AsyncRetrying(
            wait=wait_random_exponential(multiplier=0.1, max=2),
            retry=retry_if_exception_type((AMQPError, OSError, TimeoutError, RuntimeError, QueueDiffers)),
            before_sleep=self._complain,
        ):
            with attempt:
                return await self._connect_once()
        raise AssertionError("unreachable: the retry has no end")

    def _complain(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, QueueDiffers):
            self.problem = ""
            log.warning("RabbitMQ is not there yet; trying again", error=repr(error), attempt=state.attempt_number)
            return
        if self.problem != str(error) or state.attempt_number % REMIND_TRIES == 0:
            log.error("a queue is another version's; trying again", queue=error.queue, problem=str(error))
        self.problem = str(error)

    async def _connect_once(self) -> Link:
        try:
            connection = await aio_pika.connect(
                self._url,
                timeout=CONNECT_SECONDS,
                heartbeat=self._heartbeat_seconds,
                client_properties={"connection_name": self._server_id},
            )
        except StopAsyncIteration as error:  # the client's, when the peer has closed before its first frame
            raise ConnectionError("the broker closed the connection during its set-up") from error
        link = Link(connection)
        limit = asyncio.timeout(SETUP_SECONDS)
        try:
            async with limit:
                for hook in self._hooks:
                    await hook(link)
        except BaseException as error:
            await link.close()
            if limit.expired():
                raise TimeoutError(f"setting up the connection took more than {SETUP_SECONDS} s") from error
            raise
        if link.closed:
            raise ConnectionError("the connection closed during its set-up")
        return link


def broker_down() -> Refusal:
    """What a caller is told while there is no connection."""
    return Refusal(Code.UNAVAILABLE, "The message broker cannot be reached; try again.", retry_after_ms=1000)
