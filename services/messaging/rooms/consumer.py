"""The partition queues as this instance consumes them: what has arrived, and settling it.

The broker gives each partition to one consumer at a time (single active consumer), so every instance consumes from all
of them; by their priorities one instance gets all, or each its share (docs/adr/0021). All partitions share one channel,
so that one acknowledgement settles all that one write took, whatever partitions it came from.
"""

import asyncio
import contextlib
import zlib
from collections.abc import Collection, Sequence

import msgspec
from aiormq.channel import Channel
from aiormq.exceptions import AMQPError
from msgspec import Struct

from services.messaging.rooms.suspects import SUSPECT_TRIES, choose
from warren.chassis.broker import Link
from warren.chassis.channel import Delivery, declare, declare_exchange, delivery_tag
from warren.chassis.telemetry import get_logger
from warren.contracts.codec import decode
from warren.contracts.rooms import CommandBatch
from warren.contracts.topology import NOTICES, ROOMS_DEAD, Queue, partition_queue

PREFETCH = 256
"""Command batches of one partition that may be in work; a gateway has one in flight for each partition."""

IN_TURN_SECONDS = 1.0
LOOK_SECONDS = 0.02

log = get_logger("consumer")

Stream = tuple[str, int]
"""A gateway and a partition: one batch of it is on its way at a time."""


class Arrived(Struct):
    """A batch with what settles it, and how often it was delivered before."""

    batch: CommandBatch
    tag: int
    link: int
    tries: int = 0

    @property
    def stream(self) -> Stream:
        return self.batch.gateway, self.batch.partition


class PartitionConsumer:
    """Collects batches until the owner takes them."""

    def __init__(self, server_id: str, partitions: int, *, spread: bool = False) -> None:
        self._server_id = server_id
        self._partitions = partitions
        self._spread = spread
        self._arrived: list[Arrived] = []
        self._some = asyncio.Event()
        self._channel: Channel | None = None
        self._tags: list[str] = []
        self._links = 0
        self._careful = False
        """Some of what came on this connection is suspect: one batch at a time, settled one by one."""
        self._unsettled = 0
        self._all_settled = asyncio.Event()

    @property
    def waiting(self) -> int:
        return len(self._arrived)

    async def take(
        self, expected: Collection[Stream] = (), seconds: float = 0.0, *, pause: float = 0.0
    ) -> list[Arrived]:
        """All that has arrived, as soon as there is something, but not before `pause` seconds are over, and something
        of each stream of `expected`, unless that takes longer than `seconds`."""
        if pause:
            await asyncio.sleep(pause)
        await self._some.wait()
        if expected and not self._careful:
            await self._hear_from(expected, seconds)
        self._some.clear()
        if self._careful:
            return await self._take_carefully()
        taken, self._arrived = self._arrived, []
        self._unsettled += len(taken)
        return taken

    async def _hear_from(self, expected: Collection[Stream], seconds: float) -> None:
        missing = set(expected)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while missing := missing.difference(arrived.stream for arrived in self._arrived):
                    self._some.clear()
                    await self._some.wait()

    async def _take_carefully(self) -> list[Arrived]:
        """One suspect, once all before it are settled; everything else when there is none left."""
        while self._unsettled:
            self._all_settled.clear()
            await self._all_settled.wait()
        suspect = choose(self._arrived)
        taken = [suspect] if suspect is not None else self._arrived
        self._arrived = [each for each in self._arrived if each is not suspect] if suspect is not None else []
        if self._arrived:
            self._some.set()
        self._unsettled += len(taken)
        return taken

    async def settle(self, taken: list[Arrived]) -> None:
        """Tell the broker that these batches are done; all before them are too, unless some are suspect. After a lost
        connection there is nothing to settle: the broker delivers them again, and what was stored is found by its
        nonce."""
        channel = self._channel
        tags = [arrived.tag for arrived in taken if arrived.link == self._links]
        if tags and channel is not None and not channel.is_closed:
            try:
                if self._careful:
                    for tag in tags:
                        await channel.basic_ack(tag, wait=True)
                else:
                    await channel.basic_ack(max(tags), multiple=True, wait=False)
            except (AMQPError, ConnectionError) as error:
                log.info("settling came too late", error=str(error))
        self._unsettled -= len(taken)
        if not self._unsettled:
            self._all_settled.set()

    async def consume(self, link: Link) -> None:
        """Declare the queues and consume from all of them, on a new connection."""
        channel = await link.channel(prefetch=PREFETCH, confirms=False)
        await declare(channel, ROOMS_DEAD)
        await declare_exchange(channel, NOTICES)
        self._links += 1
        self._channel = channel
        self._arrived.clear()
        self._careful = False
        self._tags.clear()
        queues = [partition_queue(partition) for partition in range(self._partitions)]
        for queue in queues:
            await declare(channel, queue)
        if not self._spread:
            await _let_others_finish(channel, queues)
        for partition, queue in enumerate(queues):
            key = f"{self._server_id}:{partition}" if self._spread else self._server_id
            priority = zlib.crc32(key.encode()) % 1000
            answer = await channel.basic_consume(queue.name, self._on_batch, arguments={"x-priority": priority})
            self._tags.append(str(answer.consumer_tag))

    async def stop_consuming(self) -> None:
        """Let another instance take over; what has arrived is still carried out."""
        channel = self._channel
        if channel is not None and not channel.is_closed:
            for tag in self._tags:
                await channel.basic_cancel(tag)

    async def _on_batch(self, delivery: Delivery) -> None:
        tag = delivery_tag(delivery)
        try:
            batch = decode(delivery.body, CommandBatch)
        except msgspec.DecodeError as error:
            log.error("undecodable command batch goes to the dead letters", error=str(error))
            await self._reject(delivery, tag)
            return
        tries = int((delivery.header.properties.headers or {}).get("x-delivery-count") or 0)  # type: ignore[arg-type]
        if tries >= SUSPECT_TRIES and not self._careful:
            log.warning("batches have come again too often; one by one from here on", tries=tries)
            self._careful = True
        self._arrived.append(Arrived(batch, tag, self._links, tries))
        self._some.set()

    async def _reject(self, delivery: Delivery, tag: int) -> None:
        channel = self._channel
        assert channel is delivery.channel and channel is not None
        await channel.basic_reject(tag, requeue=False, wait=False)


async def _let_others_finish(channel: Channel, queues: Sequence[Queue]) -> None:
    """Of instances that start together, whoever consumes from the first queue is to get them all: RabbitMQ 3 gives a
    queue to the first consumer, whatever its priority. Waits for IN_TURN_SECONDS at most; a rare split does no harm."""
    if not await _consumers(channel, queues[0]):
        return
    for _ in range(round(IN_TURN_SECONDS / LOOK_SECONDS)):
        if await _consumers(channel, queues[-1]):
            return
        await asyncio.sleep(LOOK_SECONDS)


async def _consumers(channel: Channel, queue: Queue) -> int:
    found = await channel.queue_declare(queue.name, passive=True)
    return found.consumer_count or 0
