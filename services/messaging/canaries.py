"""Readiness of the partitions: a message from this instance goes through each partition's queue and comes back.

Each partition is consumed by one instance, often another one, so a silent partition makes every messaging instance
unready. That moves no traffic, since calls come by the broker; it tells people, and it holds up a rolling restart until
rooms are served again.
"""

import asyncio
import time
from collections.abc import Callable

import msgspec
from aiormq.channel import Channel
from aiormq.exceptions import AMQPError

from warren.chassis.broker import Link
from warren.chassis.canaries import Canaries, all_answer, who_is_silent
from warren.chassis.channel import Delivery, Rejected, Unroutable, bind, declare, publish
from warren.chassis.lifecycle import Tasks
from warren.chassis.telemetry import get_logger
from warren.contracts.codec import decode, encode
from warren.contracts.events import NOTICE_TYPE, AnyNotice, EventBatch, PartitionTaken
from warren.contracts.ids import new_id
from warren.contracts.rooms import Canary, CommandBatch, canary_room
from warren.contracts.topology import NOTICES, canary_queue, partition_queue

SEND_SECONDS = 10.0
OVERDUE_SECONDS = 20.0
"""Above the 15 s in which a frozen owner is replaced: that is a fault which mends itself."""

AGAIN_SECONDS = 60.0
log = get_logger("canaries")


class PartitionSilent(Exception):
    """Says which partitions are not served, and what it means."""


class PartitionCanaries:
    """A part. Its broker connection must be up before it starts."""

    def __init__(
        self,
        server_id: str,
        partitions: int,
        tasks: Tasks,
        *,
        now: Callable[[], float] = time.monotonic,
        on_moved: Callable[[int], None] = lambda _partition: None,
        on_taken: Callable[[PartitionTaken], None] = lambda _notice: None,
    ) -> None:
        """`on_moved` is told of a partition that another instance answers for than the last time, `on_taken` when an
        instance says at once that it owns one."""
        self._server_id = server_id
        self._queue = ""
        self._canaries = Canaries(partitions, overdue=OVERDUE_SECONDS, again=AGAIN_SECONDS, now=now)
        self._rooms = [canary_room(partition, partitions) for partition in range(partitions)]
        self._tasks = tasks
        self._on_moved = on_moved
        self._on_taken = on_taken
        self._owners: dict[int, str] = {}
        self._channel: Channel | None = None
        self._connected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = self._tasks.spawn("canaries", self._send_forever())

    async def stop(self) -> None:
        await self._tasks.cancel(self._task)

    async def open(self, link: Link) -> None:
        """A new connection: canaries that were under way would come back to the old one."""
        inward = await link.channel(confirms=False)
        queue = canary_queue("partitions", self._server_id, new_id())
        await declare(inward, queue)
        await bind(inward, queue, NOTICES)
        await inward.basic_consume(queue.name, self._on_delivery, no_ack=True)
        self._queue = queue.name
        self._channel = await link.channel()
        self._canaries.all_lost()
        self._connected.set()

    async def check(self) -> str:
        """For the health report. Raises PartitionSilent."""
        silent = self._canaries.silent()
        if silent:
            raise PartitionSilent(f"{who_is_silent(silent)}; messages to its rooms wait in the queue messaging.rooms.N")
        return all_answer(len(self._canaries))

    async def _send_forever(self) -> None:
        while True:
            self._connected.clear()
            await asyncio.gather(*(self._send(partition) for partition in self._canaries.due()))
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await self._connected.wait()
            except TimeoutError:
                continue  # the next round

    async def _send(self, partition: int) -> None:
        self._canaries.sent(partition)
        channel = self._channel
        if channel is None or channel.is_closed:
            return  # sent again on the next connection
        command = Canary(partition, self._rooms[partition], "")
        batch = encode(CommandBatch(self._queue, partition, 0, [command]))
        try:
            await publish(channel, partition_queue(partition).name, batch, mandatory=True)
        except (Rejected, Unroutable) as error:
            log.warning("a partition's queue does not take a canary", partition=partition, error=repr(error))
            self._canaries.lost(partition)
        except (AMQPError, ConnectionError) as error:
            log.info("a canary was not confirmed; it is sent again on the next connection", error=str(error))

    async def _on_delivery(self, delivery: Delivery) -> None:
        try:
            if delivery.header.properties.message_type == NOTICE_TYPE:
                notice: object = decode(delivery.body, AnyNotice)  # type: ignore[arg-type]  # a union is no class
                if isinstance(notice, PartitionTaken):
                    self._on_taken(notice)
            else:
                self._on_answers(decode(delivery.body, EventBatch))
        except msgspec.DecodeError as error:
            log.error("undecodable notice or answer to a canary", error=str(error))

    def _on_answers(self, batch: EventBatch) -> None:
        for answer in batch.answers:
            self._canaries.came_back(answer.ref)
            before = self._owners.get(answer.ref, batch.source)
            self._owners[answer.ref] = batch.source
            if before != batch.source:
                self._on_moved(answer.ref)
