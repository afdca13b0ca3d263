"""This gateway's queue: answers, events and news, in order.

The queue belongs to one broker connection. After a new connection it has a new name, everything in flight is sent
again and every room asks its owner for what it missed.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from aiormq.channel import Channel
from aiormq.exceptions import AMQPError, ChannelInvalidStateError
from pamqp.commands import Basic

from services.gateway.rooms.commands import CommandSender
from services.gateway.rooms.local_rooms import LocalRooms
from services.gateway.sockets.outbound import Flusher
from warren.chassis.broker import Link
from warren.chassis.channel import Delivery, bind, declare, delivery_tag
from warren.chassis.telemetry import get_logger
from warren.contracts.codec import decode
from warren.contracts.events import (
    NOTICE_TYPE,
    AnyNotice,
    EventBatch,
    MemberAdded,
    PartitionTaken,
    PresenceChanged,
    SessionRevoked,
)
from warren.contracts.topology import NOTICES, gateway_queue

PREFETCH = 1_000
SETTLE_EVERY = 100
"""Deliveries are settled by the hundred: one frame instead of a hundred, and still a bound on what is on its way."""

CANARY_TYPE = "canary"
log = get_logger("receiver")
NoticeHandlers = dict[type[Any], Callable[[Any], None]]


class Receiver:
    """Hands what arrives to the commands, the rooms and whoever handles a notice."""

    def __init__(
        self,
        incarnation: str,
        *,
        commands: CommandSender,
        local_rooms: LocalRooms,
        flusher: Flusher,
        on_presence: Callable[[PresenceChanged], None],
        on_revoked: Callable[[SessionRevoked], None],
        on_moved: Callable[[str], None],
    ) -> None:
        self._incarnation = incarnation
        self._commands = commands
        self._rooms = local_rooms
        self._flusher = flusher
        self._on_moved = on_moved
        self._notices: NoticeHandlers = {
            MemberAdded: local_rooms.on_added,
            PresenceChanged: on_presence,
            SessionRevoked: on_revoked,
            PartitionTaken: lambda _notice: None,  # for messaging instances
        }
        self._streams: dict[str, int] = {}
        self._links = 0
        self._unsettled = 0
        self._channel: Channel | None = None
        self._queue = ""
        self._canary: asyncio.Future[None] | None = None
        self.heard = 0
        """Messages that have come so far."""

    async def open(self, link: Link) -> None:
        """A new connection: a new queue, and everybody is asked for what was missed."""
        self._links += 1
        queue = gateway_queue(f"{self._incarnation}.{self._links}")
        channel = await link.channel(prefetch=PREFETCH, confirms=False)
        await declare(channel, queue)
        await bind(channel, queue, NOTICES)
        self._channel = channel
        self._queue = queue.name
        self._streams.clear()
        self._unsettled = 0
        await channel.basic_consume(queue.name, self._on_delivery)
        await self._commands.open(link, queue.name)
        self._rooms.repair(lambda _room: True)
        self._on_moved(queue.name)

    async def check(self) -> str:
        """For the health report: a message to this gateway's own queue comes round. Raises TimeoutError."""
        self._canary = asyncio.get_running_loop().create_future()
        await self._send_canary()
        async with asyncio.timeout(2):
            await self._canary
        return "a message to myself came round"

    async def ping(self) -> None:
        """Send a message to this gateway's own queue; whether it comes shows in `heard`."""
        try:
            async with asyncio.timeout(1):
                await self._send_canary()
        except (AMQPError, ConnectionError, TimeoutError) as error:
            log.info("a message to myself could not be sent", error=str(error))

    async def _send_canary(self) -> None:
        channel = self._channel
        if channel is None or channel.is_closed:
            raise ConnectionError("no connection")
        properties = Basic.Properties(message_type=CANARY_TYPE)
        try:
            await channel.basic_publish(b"", routing_key=self._queue, properties=properties, wait=False)
        except ChannelInvalidStateError as error:  # a RuntimeError, though it is the same loss
            raise ConnectionError("the channel is closed") from error

    async def _on_delivery(self, delivery: Delivery) -> None:
        try:
            kind = delivery.header.properties.message_type
            if kind == NOTICE_TYPE:
                self._on_notice(decode(delivery.body, AnyNotice))  # type: ignore[arg-type]
            elif kind == CANARY_TYPE:
                self._on_canary()
            else:
                self._on_batch(decode(delivery.body, EventBatch))
        except msgspec.DecodeError as error:
            log.error("undecodable message in this gateway's queue", error=str(error), size=len(delivery.body))
        self.heard += 1
        self._unsettled += 1
        channel = self._channel
        if self._unsettled >= SETTLE_EVERY and channel is not None and channel is delivery.channel:
            self._unsettled = 0
            await channel.basic_ack(delivery_tag(delivery), multiple=True, wait=False)

    def _on_batch(self, batch: EventBatch) -> None:
        for answer in batch.answers:
            self._commands.answered(answer)
        for events in batch.rooms:
            self._rooms.on_events(events)
        for news in batch.transients:
            self._rooms.on_transient(news)
        for done in batch.done:
            self._commands.done(done)
        self._flusher.flush()
        self._check_stream(batch)

    def _check_stream(self, batch: EventBatch) -> None:
        """A jump in a source's numbers: a whole batch was lost. It may have been about any room, also about one that
        was another owner's before."""
        last = self._streams.get(batch.source, 0)
        self._streams[batch.source] = batch.n
        if batch.n != last + 1:
            lost = batch.n - last - 1
            log.warning("event batches were lost; asking for what was missed", source=batch.source, lost=lost)
            self._rooms.repair(lambda _room: True)
            self._on_moved(self._queue)  # presence news may have been lost with it

    def _on_canary(self) -> None:
        if self._canary is not None and not self._canary.done():
            self._canary.set_result(None)

    def _on_notice(self, notice: AnyNotice) -> None:
        self._notices[type(notice)](notice)
