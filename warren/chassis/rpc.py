"""Typed calls between services, both ends (`warren.contracts.rpc` says how they look on the wire)."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from aiormq.channel import Channel
from aiormq.exceptions import AMQPError
from pamqp.commands import Basic
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from warren.chassis.breaker import Breaker
from warren.chassis.broker import (
    Broker,
    Delivery,
    Link,
    Rejected,
    Unroutable,
    broker_down,
    declare,
    delivery_tag,
    publish,
)
from warren.chassis.lifecycle import Tasks
from warren.chassis.telemetry import begin_request, get_logger, outgoing_headers
from warren.contracts.codec import decode, encode
from warren.contracts.errors import MEANING, Code, Refusal
from warren.contracts.ids import new_id
from warren.contracts.rpc import Failure, Method
from warren.contracts.topology import canary_queue, rpc_queue

REPLY_TO = "amq.rabbitmq.reply-to"
PREFETCH = 64
DEADLINE_SECONDS = 5.0
RETRIES = 4

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
        self._canary_queue = ""
        self._canary: asyncio.Future[None] | None = None
        self._tags: list[str] = []
        self._running: set[asyncio.Task[Any]] = set()
        broker.on_connect(self._consume)

    def answer(self, method: Method[Q, R], handler: Callable[[Q], Awaitable[R]]) -> None:
        """Let `handler` answer `method`. It may raise Refusal; anything else becomes `internal` and is logged."""
        self._handlers[method.name] = (method, handler)

    async def start(self) -> None:
        """Nothing to wait for: the broker's connection starts the consumer."""

    async def stop(self) -> None:
        """Take no new calls, finish those in flight."""
        channel = self._channel
        if channel is not None and not channel.is_closed:
            for tag in self._tags:
                await channel.basic_cancel(tag)
        if self._running:
            await asyncio.wait(self._running, timeout=DEADLINE_SECONDS)

    async def canary(self) -> None:
        """Send a message to this instance through its consuming channel. Raises TimeoutError, ConnectionError."""
        channel = self._channel
        if channel is None or channel.is_closed:
            raise ConnectionError("no connection to RabbitMQ")
        self._canary = asyncio.get_running_loop().create_future()
        await channel.basic_publish(b"", routing_key=self._canary_queue, wait=False)
        async with asyncio.timeout(2):
            await self._canary

    async def _consume(self, link: Link) -> None:
        channel = await link.channel(prefetch=PREFETCH, confirms=False)
        await declare(channel, self._queue)
        own = canary_queue(self._service, self._server_id, new_id())
        await declare(channel, own)
        self._channel = channel
        self._canary_queue = own.name
        self._tags.clear()
        for queue, consumer in ((own, self._on_canary), (self._queue, self._on_call)):
            answer = await channel.basic_consume(queue.name, consumer)
            self._tags.append(str(answer.consumer_tag))

    async def _on_canary(self, delivery: Delivery) -> None:
        await delivery.channel.basic_ack(delivery_tag(delivery), wait=False)
        if self._canary is not None and not self._canary.done():
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
            request = decode(delivery.body, method.request)
            async with asyncio.timeout(seconds or DEADLINE_SECONDS):
                return "ok", encode(await handler(request))
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


class RpcClient:
    """Calls other services' methods over one channel; replies come back over direct reply-to."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._channel: Channel | None = None
        self._waiting: dict[str, asyncio.Future[Delivery]] = {}
        self._breakers: dict[str, Breaker] = {}
        broker.on_connect(self._open)
        broker.on_lost(self._fail_all)

    async def call(self, method: Method[Q, R], request: Q, *, seconds: float = DEADLINE_SECONDS) -> R:
        """Call and wait. Idempotent methods are retried within `seconds`. Raises Refusal."""
        deadline = time.monotonic() + seconds
        attempts = RETRIES if method.idempotent else 1
        async for attempt in AsyncRetrying(
            stop=stop_after_attempt(attempts),
            wait=wait_random_exponential(multiplier=0.05, max=0.5),
            retry=retry_if_exception(lambda error: _may_retry(error) and time.monotonic() < deadline - 0.1),
            reraise=True,
        ):
            with attempt:
                return await self._call_once(method, request, max(0.05, deadline - time.monotonic()))
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _call_once(self, method: Method[Q, R], request: Q, seconds: float) -> R:
        breaker = self._breakers.setdefault(method.service, Breaker(time.monotonic))
        if not breaker.allows():
            raise _nobody(method.service, breaker.retry_after_ms)
        try:
            reply = await self._exchange(method, encode(request), seconds)
        except Refusal:
            breaker.failed()
            raise
        breaker.succeeded()
        if reply.header.properties.message_type == "ok":
            return decode(reply.body, method.response)
        failure = decode(reply.body, Failure)
        raise Refusal(failure.code, failure.detail, retry_after_ms=failure.retry_after_ms, errors=tuple(failure.errors))

    async def _exchange(self, method: Method[Q, R], body: bytes, seconds: float) -> Delivery:
        channel = self._channel
        if channel is None or channel.is_closed or not self._broker.is_up:
            raise broker_down()
        correlation = secrets.token_hex(8)
        future: asyncio.Future[Delivery] = asyncio.get_running_loop().create_future()
        self._waiting[correlation] = future
        try:
            async with asyncio.timeout(seconds):
                await publish(
                    channel,
                    rpc_queue(method.service).name,
                    body,
                    mandatory=True,
                    properties=Basic.Properties(
                        message_type=method.name,
                        reply_to=REPLY_TO,
                        correlation_id=correlation,
                        expiration=str(int(seconds * 1000)),
                        headers=dict(outgoing_headers()),
                    ),
                )
                return await future
        except TimeoutError as error:
            raise Refusal(
                Code.DEADLINE_EXCEEDED, f"The {method.service} service did not answer in time; try again."
            ) from error
        except Unroutable as error:
            raise _nobody(method.service, 1000) from error
        except Rejected as error:
            raise Refusal(
                Code.OVERLOADED, f"The {method.service} service has too much to do; try again.", retry_after_ms=1000
            ) from error
        except (AMQPError, ConnectionError) as error:
            raise broker_down() from error
        finally:
            self._waiting.pop(correlation, None)

    async def _open(self, link: Link) -> None:
        channel = await link.channel()
        await channel.basic_consume(REPLY_TO, self._on_reply, no_ack=True)
        self._channel = channel

    async def _on_reply(self, delivery: Delivery) -> None:
        future = self._waiting.get(str(delivery.header.properties.correlation_id))
        if future is not None and not future.done():
            future.set_result(delivery)

    def _fail_all(self) -> None:
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionError("the broker's connection was lost"))


def _may_retry(error: BaseException) -> bool:
    return isinstance(error, Refusal) and MEANING[error.code].retryable and error.code is not Code.RATE_LIMITED


def _nobody(service: str, retry_after_ms: int) -> Refusal:
    return Refusal(
        Code.UNAVAILABLE, f"The {service} service cannot be reached; try again.", retry_after_ms=retry_after_ms
    )
