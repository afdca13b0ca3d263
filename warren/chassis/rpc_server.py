"""The answering end of typed calls between services (`warren.contracts.rpc` says how they look on the wire)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from aiormq.channel import Channel
from pamqp.commands import Basic

from warren.chassis.broker import Broker, Link, broker_down
from warren.chassis.channel import Delivery, declare, delivery_tag
from warren.chassis.lifecycle import Tasks
from warren.chassis.telemetry import begin_request, get_logger
from warren.contracts.codec import decode, encode
from warren.contracts.errors import Code, Refusal
from warren.contracts.ids import new_id
from warren.contracts.rpc import DEADLINE_SECONDS, SECRET, Failure, Method
from warren.contracts.topology import canary_queue, rpc_queue

PREFETCH = 64

log = get_logger("rpc")
Q = TypeVar("Q", bound=msgspec.Struct)
R = TypeVar("R", bound=msgspec.Struct)
Handler = Callable[[Any], Awaitable[msgspec.Struct]]


class RpcServer:
    """Answers a service's methods. Instances of a service compete for calls on one queue."""

    def __init__(self, service: str, server_id: str, broker: Broker, tasks: Tasks) -> None:
        self._queue = rpc_queue(service)
        self._service, self._server_id = service, server_id
        self._tasks = tasks
        self._handlers: dict[str, tuple[Method[Any, Any], Handler]] = {}
        self._channel: Channel | None = None
        self._own_queue = ""
        """Of this connection: for canaries, and for secrets that callers send here."""
        self._canary: asyncio.Future[None] | None = None
        self._secrets: dict[str, asyncio.Future[bytes]] = {}
        self._calls_tag = ""
        self._running: set[asyncio.Task[Any]] = set()
        broker.on_connect(self._consume)

    def answer(self, method: Method[Q, R], handler: Callable[[Q], Awaitable[R]]) -> None:
        """Let `handler` answer `method`. It may raise Refusal; anything else becomes `internal` and is logged."""
        self._handlers[method.name] = (method, handler)

    async def start(self) -> None:
        """Nothing to wait for: the broker's connection starts the consumer."""

    async def stop(self) -> None:
        """Take no new calls, finish those in flight: what they wait for still comes to the own queue."""
        channel = self._channel
        if channel is not None and not channel.is_closed:
            await channel.basic_cancel(self._calls_tag)
        if self._running:
            await asyncio.wait(self._running, timeout=DEADLINE_SECONDS)

    async def canary(self) -> None:
        """Send a message to this instance through its consuming channel. Raises TimeoutError, ConnectionError."""
        channel = self._channel
        if channel is None or channel.is_closed:
            raise ConnectionError("no connection to RabbitMQ")
        self._canary = asyncio.get_running_loop().create_future()
        await channel.basic_publish(b"", routing_key=self._own_queue, wait=False)
        async with asyncio.timeout(2):
            await self._canary

    async def _consume(self, link: Link) -> None:
        channel = await link.channel(prefetch=PREFETCH, confirms=False)
        await declare(channel, self._queue)
        own = canary_queue(self._service, self._server_id, new_id())
        await declare(channel, own)
        self._channel = channel
        self._own_queue = own.name
        await channel.basic_consume(own.name, self._on_own)
        answer = await channel.basic_consume(self._queue.name, self._on_call)
        self._calls_tag = str(answer.consumer_tag)

    async def _on_own(self, delivery: Delivery) -> None:
        await delivery.channel.basic_ack(delivery_tag(delivery), wait=False)
        properties = delivery.header.properties
        if properties.message_type == SECRET:
            waiting = self._secrets.get(str(properties.correlation_id))
            if waiting is not None and not waiting.done():
                waiting.set_result(delivery.body)
        elif self._canary is not None and not self._canary.done():
            self._canary.set_result(None)

    async def _on_call(self, delivery: Delivery) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        properties = delivery.header.properties
        begin_request(properties.headers or {})
        kind, body = await self._handle(delivery, str(properties.message_type), int(properties.expiration or 0) / 1000)
        channel = self._channel
        if channel is None or channel is not delivery.channel or channel.is_closed:
            return  # the caller's deadline or retry deals with it; the broker redelivers
        if properties.reply_to:
            await channel.basic_publish(
                body,
                routing_key=properties.reply_to,
                properties=Basic.Properties(message_type=kind, correlation_id=properties.correlation_id),
                wait=False,
            )
        await channel.basic_ack(delivery_tag(delivery), wait=False)

    async def _handle(self, delivery: Delivery, name: str, seconds: float) -> tuple[str, bytes]:
        found = self._handlers.get(name)
        try:
            if found is None:
                raise Refusal(Code.NOT_FOUND, f"This service has no method {name}.")
            method, handler = found
            if bool(getattr(delivery.delivery, "redelivered", False)) and not method.idempotent:
                raise Refusal(Code.UNAVAILABLE, "The service restarted during the call; try again.")
            async with asyncio.timeout(seconds or DEADLINE_SECONDS):
                body = await self._ask_for_secret(delivery) if method.secret else delivery.body
                return "ok", encode(await handler(decode(body, method.request)))
        except Refusal as refusal:
            return "error", encode(Failure(refusal.code, refusal.detail, refusal.retry_after_ms, list(refusal.errors)))
        except TimeoutError:
            return "error", encode(Failure(Code.DEADLINE_EXCEEDED, f"{name} was not done in time."))
        except msgspec.DecodeError as error:
            log.error("undecodable call", method=name, error=str(error))
            return "error", encode(Failure(Code.BAD_REQUEST, f"{name}: the request could not be decoded."))
        except Exception as error:
            log.error("a call failed", method=name, exc_info=error)
            return "error", encode(Failure(Code.INTERNAL, "Something went wrong on our side; it has been logged."))

    async def _ask_for_secret(self, delivery: Delivery) -> bytes:
        """The request of a call that came without it: its caller sends it to this instance's own queue."""
        channel = self._channel
        if channel is None or channel is not delivery.channel:
            raise broker_down()
        properties = delivery.header.properties
        correlation = str(properties.correlation_id)
        waiting: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._secrets[correlation] = waiting
        asking = Basic.Properties(message_type=SECRET, correlation_id=correlation, reply_to=self._own_queue)
        try:
            await channel.basic_publish(b"", routing_key=str(properties.reply_to), properties=asking, wait=False)
            return await waiting
        finally:
            del self._secrets[correlation]
