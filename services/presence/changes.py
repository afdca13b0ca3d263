"""Per tick: looks at the users that something happened to, and tells the gateways that watch them what is new."""

import asyncio
from collections import defaultdict

from aiormq.channel import Channel
from aiormq.exceptions import AMQPError
from pamqp.commands import Basic
from prometheus_client import Counter

from services.presence.engine import View, view
from services.presence.leases import Leases, Look, Snapshot
from warren.chassis.broker import Broker, Link
from warren.chassis.channel import Rejected, Unroutable, publish
from warren.chassis.lifecycle import Tasks
from warren.chassis.telemetry import get_logger
from warren.contracts.codec import encode
from warren.contracts.errors import Refusal
from warren.contracts.events import NOTICE_TYPE, PresenceChanged
from warren.contracts.rest import Presence

TICK_SECONDS = 0.2
AWAY_SECONDS = 1.0
"""Pause after a tick that found Redis or RabbitMQ away."""
TICK_USERS = 500
"""Users in one claim: bounds the time that Redis is held, and the size of a notice."""

TOLD = Counter("warren_presence_changes_told_total", "Users whose presence changed for others.")
NOTICES_SENT = Counter("warren_presence_notices_total", "Notices of presence sent to gateways.")
log = get_logger("changes")


class Changes:
    """A part. Any number of instances may run: each user that is due is claimed by one of them.

    Whatever fails leaves the claim unsettled, so that the look is done again when it has run out.
    """

    def __init__(self, leases: Leases, broker: Broker, tasks: Tasks, grace_ms: int) -> None:
        self._leases = leases
        self._broker = broker
        self._tasks = tasks
        self._grace_ms = grace_ms
        self._channel: Channel | None = None
        self._task: asyncio.Task[None] | None = None
        self._told = 0
        broker.on_connect(self._open)

    async def start(self) -> None:
        self._task = self._tasks.spawn("changes", self._repeat())

    async def stop(self) -> None:
        await self._tasks.cancel(self._task)

    def figure(self) -> str:
        """For the health report."""
        return f"{self._told} changes told to watching gateways by this instance"

    async def tick(self) -> bool:
        """One claim. True if more users may be due. Raises Refusal, AMQPError, ConnectionError, Rejected."""
        claim, snapshot = await self._leases.claim(TICK_USERS)
        if not snapshot.facts:
            return False
        views = [view(facts, snapshot.leases, snapshot.now, self._grace_ms) for facts in snapshot.facts]
        news = [v.presence for v, facts in zip(views, snapshot.facts, strict=True) if v.mark != facts.told]
        if news:
            await self._announce(news, snapshot.at)
        await self._leases.settle(claim, _looks(snapshot, views))
        return len(views) == TICK_USERS

    async def _repeat(self) -> None:
        while True:
            pause = TICK_SECONDS
            if self._broker.is_up:
                try:
                    pause = 0 if await self.tick() else TICK_SECONDS
                except Refusal:
                    pause = AWAY_SECONDS  # Redis is away, which was logged where it happened
                except (AMQPError, ConnectionError, Rejected) as error:
                    pause = AWAY_SECONDS
                    log.warning("could not tell changes; they will be told again", error=str(error)[:200])
            await asyncio.sleep(pause)

    async def _open(self, link: Link) -> None:
        self._channel = await link.channel()

    async def _announce(self, news: list[Presence], at: int) -> None:
        watchers, queues = await self._leases.watchers([each.user for each in news])
        for_lease: defaultdict[str, list[Presence]] = defaultdict(list)
        for presence in news:
            for lease in watchers[presence.user]:
                for_lease[lease].append(presence)
        sent = await asyncio.gather(
            *(self._send(queues[lease], PresenceChanged(each, at)) for lease, each in for_lease.items())
        )
        self._told += len(news)
        TOLD.inc(len(news))
        gone = [lease for lease, arrived in zip(for_lease, sent, strict=True) if not arrived]
        if gone:
            log.info("gateways are gone; dropping their watches", leases=gone)
            await self._leases.deaf(gone)

    async def _send(self, queue: str, notice: PresenceChanged) -> bool:
        """False if there is no such queue."""
        if self._channel is None or self._channel.is_closed:
            raise ConnectionError("no channel to RabbitMQ")
        NOTICES_SENT.inc()
        try:
            await publish(
                self._channel,
                queue,
                encode(notice),
                mandatory=True,
                properties=Basic.Properties(message_type=NOTICE_TYPE),
            )
        except Unroutable:
            return False
        return True


def _looks(snapshot: Snapshot, views: list[View]) -> list[Look]:
    return [Look(facts.user, each.mark, each.changes_at) for facts, each in zip(snapshot.facts, views, strict=True)]
