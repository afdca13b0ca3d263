"""The dead-letter queue from the operators' side: look, send back, throw away, lose nothing.

All letters are taken without being settled; what is acted on is settled one by one, and the rest goes back as it was.
Whoever is interrupted leaves unsettled letters, which the broker puts back too.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
import msgspec
from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel
from msgspec import Struct
from pamqp.commands import Basic

from warren.chassis.broker import CONNECT_SECONDS, Link
from warren.chassis.channel import declare, publish
from warren.contracts import rooms
from warren.contracts.codec import decode, encode
from warren.contracts.ids import partition_of
from warren.contracts.topology import PARTITION_DELIVERY_LIMIT, ROOMS_DEAD, partition_queue

MOST_LETTERS = 10_000
"""Taken at a time; the rest shows when these are dealt with."""

PASSING = (rooms.Listen, rooms.Unlisten, rooms.Typing, rooms.Canary)
"""Commands that mean nothing any more by the time somebody replays them."""


class CannotReplay(Exception):
    """Says why, and what to do."""


class Letter(Struct):
    """`position` counts from 1 in the order of the queue, `at` in seconds since 1970 (None = not known). `batch` is
    None when the bytes in `body` cannot be decoded."""

    position: int
    id: str
    body: bytes
    batch: rooms.CommandBatch | None
    reason: str
    at: float | None
    tries: int
    headers: dict[str, Any]
    tag: int


class Box:
    """The letters that were there when it was opened."""

    def __init__(self, taking: Channel, sending: Channel, letters: list[Letter]) -> None:
        self._taking = taking
        self._sending = sending
        self.letters = letters

    async def replay(self, letter: Letter, partitions: int) -> int:
        """Send the letter's commands back to their rooms' queues, then take it out. Returns how many were sent.

        Harmless when repeated: a command that was stored meanwhile is found by its nonce. Raises CannotReplay,
        Unroutable, Rejected, AMQPError, ConnectionError: then the letter stays.
        """
        if letter.batch is None:
            raise CannotReplay("this version cannot decode it; replay it with the version that sent it, or drop it")
        commands = [command for command in letter.batch.commands if not isinstance(command, PASSING)]
        by_partition: dict[int, list[rooms.AnyCommand]] = {}
        for command in commands:
            by_partition.setdefault(partition_of(command.room, partitions), []).append(command)
        for partition, part in by_partition.items():
            batch = rooms.CommandBatch("", partition, 0, part)
            properties = Basic.Properties(delivery_mode=2)
            queue = partition_queue(partition).name
            await publish(self._sending, queue, encode(batch), mandatory=True, properties=properties)
        await self.drop(letter)
        return len(commands)

    async def drop(self, letter: Letter) -> None:
        """Take the letter out for good."""
        await self._taking.basic_ack(letter.tag)
        self.letters.remove(letter)

    async def put_back(self) -> None:
        """All that is left, in its order."""
        if self.letters:
            await self._taking.basic_nack(self.letters[-1].tag, multiple=True, requeue=True)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Box]:
    """The box, as long as the context lasts. Raises AMQPError, OSError."""
    connection = await aio_pika.connect(
        url, timeout=CONNECT_SECONDS, client_properties={"connection_name": "dead-letters"}
    )
    link = Link(connection)
    try:
        taking, sending = await link.channel(confirms=False), await link.channel()
        await declare(taking, ROOMS_DEAD)
        letters: list[Letter] = []
        while len(letters) < MOST_LETTERS:
            message = await taking.basic_get(ROOMS_DEAD.name)
            if message.delivery_tag is None:
                break
            letters.append(_read(message, len(letters) + 1))
        box = Box(taking, sending, letters)
        yield box
        await box.put_back()
    finally:
        await link.close()


def _read(message: DeliveredMessage, position: int) -> Letter:
    properties = message.header.properties
    headers: dict[str, Any] = dict(properties.headers or {})
    problem = ""
    batch: rooms.CommandBatch | None = None
    try:
        batch = decode(message.body, rooms.CommandBatch)
    except msgspec.DecodeError as error:
        problem = str(error)
    deaths: list[dict[str, Any]] = headers.get("x-death") or []
    reason, tries = _reason(headers, deaths, problem)
    at = deaths[0].get("time") if deaths else properties.timestamp
    return Letter(
        position=position,
        id=(properties.message_id or "")[:8],
        body=message.body,
        batch=batch,
        reason=reason,
        at=at.timestamp() if at is not None else None,
        tries=tries,
        headers=headers,
        tag=message.delivery_tag or 0,
    )


def _reason(headers: dict[str, Any], deaths: list[dict[str, Any]], problem: str) -> tuple[str, int]:
    """Why it is here, and how often it was tried."""
    why = deaths[0].get("reason") if deaths else None
    if "x-reason" in headers:
        return str(headers["x-reason"]), 1
    if why == "delivery_limit":
        tries = PARTITION_DELIVERY_LIMIT + 1
        return f"{why}: {tries} owners took it and ended or lost their connection before it was settled", tries
    if problem:
        return f"{why or 'unknown'}: cannot be decoded: {problem}", 1
    return f"{why or 'unknown'}: an owner could not decode it, this version can", 1


def age(letter: Letter, now: float | None = None) -> str:
    """How long ago, in the largest unit that fits: `45s`, `12m`, `7h`, `3d`."""
    if letter.at is None:
        return "?"
    seconds = max(int((now if now is not None else time.time()) - letter.at), 0)
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
