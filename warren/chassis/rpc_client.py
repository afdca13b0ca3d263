"""The calling end of typed calls between services (`warren.contracts.rpc` says how they look on the wire)."""

import asyncio
import secrets
import time
from typing import TypeVar

import msgspec
from aiormq.channel import Channel
from aiormq.exceptions import AMQPError
from pamqp.commands import Basic
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from warren.chassis.breaker import Breaker
from warren.chassis.broker import Broker, Link, broker_down
from warren.chassis.channel import Delivery, Rejected, Unroutable, publish
from warren.chassis.telemetry import outgoing_headers
from warren.contracts.codec import decode, encode
from warren.contracts.errors import MEANING, Code, Refusal
from warren.contracts.rpc import DEADLINE_SECONDS, SECRET, Failure, Method
from warren.contracts.topology import rpc_queue

REPLY_TO = "amq.rabbitmq.reply-to"
RETRIES = 4

Q = TypeVar("Q", bound=msgspec.Struct)
R = TypeVar("R", bound=msgspec.Struct)


class RpcClient:
    """Calls other services' methods over one channel; replies come back over direct reply-to."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._channel: Channel | None = None
        self._waiting: dict[str, asyncio.Future[Delivery]] = {}
        self._secrets: dict[str, bytes] = {}
        """Requests of calls under way that are kept from the service's queue, by correlation."""
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
        if method.secret:
            self._secrets[correlation], body = body, b""
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
            self._secrets.pop(correlation, None)

    async def _open(self, link: Link) -> None:
        channel = await link.channel()
        await channel.basic_consume(REPLY_TO, self._on_reply, no_ack=True)
        self._channel = channel

    async def _on_reply(self, delivery: Delivery) -> None:
        properties = delivery.header.properties
        correlation = str(properties.correlation_id)
        if properties.message_type == SECRET:
            await self._send_secret(correlation, str(properties.reply_to))
            return
        future = self._waiting.get(correlation)
        if future is not None and not future.done():
            future.set_result(delivery)

    async def _send_secret(self, correlation: str, queue: str) -> None:
        """To the instance that has the call, if its caller still waits."""
        body, channel = self._secrets.get(correlation), self._channel
        if body is not None and channel is not None:
            properties = Basic.Properties(message_type=SECRET, correlation_id=correlation)
            await channel.basic_publish(body, routing_key=queue, properties=properties, wait=False)

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
