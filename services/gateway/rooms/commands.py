"""Commands to the owners of rooms: adaptive batches out, answers back to those who wait.

A partition with no batch in flight sends at the end of the tick; while one is in flight commands gather and leave
together. So a lone command waits for nothing, and with load batches grow by themselves; only large ones are kept apart.
One batch of a partition in flight also keeps every sender's order.
"""

import asyncio
import time
from collections.abc import Callable
from contextvars import Context

from aiormq.channel import Channel
from aiormq.exceptions import AMQPError
from prometheus_client import Counter

from services.gateway.rooms.backlog import RESEND_SECONDS, Backlog, backlogs, repeatable
from services.gateway.rooms.waiters import ANSWER_SECONDS, OVERLOADED_MS, Waiter, Waiters
from warren.chassis.amqp_client import PERSISTENT
from warren.chassis.broker import Link
from warren.chassis.channel import Rejected, Unroutable, publish
from warren.chassis.lifecycle import Tasks
from warren.chassis.telemetry import get_logger
from warren.contracts import rooms
from warren.contracts.codec import encode
from warren.contracts.errors import Code, Refusal
from warren.contracts.events import Done
from warren.contracts.ids import partition_of
from warren.contracts.topology import partition_queue

WATCH_SECONDS = 0.5

BATCHES = Counter("warren_command_batches_total", "Command batches sent to room owners.")
log = get_logger("commands")


class CommandSender:
    """`queue` is this gateway's own queue, which gets the answers; it changes with each broker connection."""

    def __init__(self, partitions: int, tasks: Tasks, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._backlogs = backlogs(partitions)
        self._tasks = tasks
        self._waiters = Waiters(now)
        self._last_ref = 0
        self._queue = ""
        self._channel: Channel | None = None
        self._scheduled = False
        self._alarm: asyncio.TimerHandle | None = None
        self._landed = asyncio.Event()
        self._watchdog: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._watchdog = self._tasks.spawn("command-watchdog", self._watch())

    async def stop(self) -> None:
        """Wait for what is in flight, then give up on the rest."""
        try:
            async with asyncio.timeout(RESEND_SECONDS):
                while any(backlog.flying or backlog.waiting for backlog in self._backlogs):
                    self._landed.clear()
                    await self._landed.wait()
        except TimeoutError:
            log.warning("stopping with command batches in flight; their senders are told that the outcome is unknown")
        await self._tasks.cancel(self._watchdog)
        self._waiters.refuse_all()

    def next_ref(self) -> int:
        """A number for a command, unique in this run."""
        self._last_ref += 1
        return self._last_ref

    def submit(self, command: rooms.AnyCommand, waiter: Waiter | None = None) -> None:
        """Send a command; `waiter` gets its answer, or a refusal after ANSWER_SECONDS. Raises Refusal (overloaded)."""
        backlog = self._backlogs[partition_of(command.room, len(self._backlogs))]
        if backlog.is_full(command, self._now()):
            raise Refusal(Code.OVERLOADED, "Too much is under way; try again.", retry_after_ms=OVERLOADED_MS)
        if waiter is not None:
            self._waiters.add(command.ref, waiter)
        backlog.waiting.append(command)
        if backlog.flying is None:
            self._schedule()

    async def ask(self, command: rooms.AnyCommand) -> rooms.Stored:
        """Send a command and wait for what came of it. Raises Refusal."""
        answer: asyncio.Future[rooms.Answer] = asyncio.get_running_loop().create_future()
        self.submit(command, lambda given: None if answer.done() else answer.set_result(given))
        given = await answer
        if isinstance(given, rooms.Refused):
            raise Refusal(Code(given.code), given.detail, retry_after_ms=given.retry_after_ms)
        assert isinstance(given, rooms.Stored)  # only Listen is answered otherwise
        return given

    def answered(self, answer: rooms.Answer) -> None:
        """An answer came: hand it to who waits, if they still do."""
        self._waiters.answered(answer)

    def done(self, done: Done) -> None:
        """A batch is settled: the next one of its partition may leave."""
        backlog = self._backlogs[done.partition]
        if backlog.landed(done.number):
            self._release(backlog)

    async def open(self, link: Link, queue: str) -> None:
        """A new connection: what was in flight is sent again, to be answered at `queue`. Repeating is harmless: what
        was stored is found by its nonce."""
        self._channel = await link.channel()
        self._queue = queue
        for backlog in self._backlogs:
            if backlog.flying is not None:
                backlog.since = self._now()
                self._send(backlog, repeatable(backlog.flying, queue))
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            # A batch is of many requests: what is logged of it must not carry the ids of whichever came first.
            asyncio.get_running_loop().call_soon(self._flush, context=Context())

    def _flush(self) -> None:
        self._scheduled = False
        now = self._now()
        if self._channel is None:
            return
        held_back = []
        for backlog in self._backlogs:
            if backlog.may_leave(now):
                self._send(backlog, backlog.take_off(self._queue, now))
            elif seconds := backlog.held_back(now):
                held_back.append(seconds)
        if held_back:
            self._flush_in(min(held_back))

    def _flush_in(self, seconds: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_later(seconds, self._flush, context=Context())

    def _send(self, backlog: Backlog, batch: rooms.CommandBatch) -> None:
        backlog.sent(batch, self._now())
        BATCHES.inc()
        self._tasks.spawn("send-batch", self._publish(backlog, batch))

    async def _publish(self, backlog: Backlog, batch: rooms.CommandBatch) -> None:
        channel = self._channel
        if channel is None or channel.is_closed:
            return  # sent again on the next connection
        queue = partition_queue(backlog.partition).name
        try:
            await publish(channel, queue, encode(batch), mandatory=True, properties=PERSISTENT)
            backlog.confirmed |= backlog.flying is batch
        except Rejected:
            self._refuse(backlog, batch, Code.OVERLOADED, "The rooms' queue is full; try again.")
        except Unroutable:
            self._refuse(backlog, batch, Code.UNAVAILABLE, "The messaging service cannot be reached; try again.")
        except (AMQPError, ConnectionError) as error:
            log.info("batch not confirmed; it is sent again on the next connection", error=str(error))

    def _refuse(self, backlog: Backlog, batch: rooms.CommandBatch, code: Code, detail: str) -> None:
        """Nothing of the batch is in the queue. Of one that was sent before that is not known: it stays in flight."""
        if backlog.flying is not batch or backlog.copies > 1:
            log.info("the broker did not take a repeated batch", code=code)
            return
        for command in batch.commands:
            self.answered(rooms.Refused(command.ref, code, detail, OVERLOADED_MS))
        self._release(backlog)

    def _release(self, backlog: Backlog) -> None:
        backlog.flying = None
        self._landed.set()
        if backlog.waiting:
            self._schedule()

    async def _watch(self) -> None:
        """Nobody waits for ever: answers that do not come, and batches that got lost."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            now = self._now()
            self._waiters.refuse_late()
            for backlog in self._backlogs:
                backlog.half_second_passed()
                if backlog.flying is not None and backlog.is_overdue(now):
                    self._send_again(backlog, backlog.flying, now)

    def _send_again(self, backlog: Backlog, batch: rooms.CommandBatch, now: float) -> None:
        """Unless it was sent so long ago that nobody waits any more: a batch that kills its owners, or that no owner
        can read, must not come again for ever, and must not hold up what is behind it."""
        if self._channel is None or self._channel.is_closed:
            return  # it is sent again on the next connection
        partition = backlog.partition
        if now - backlog.since > ANSWER_SECONDS:
            log.error(
                "a command batch is not settled and nobody waits any more; going on without it", partition=partition
            )
            self._release(backlog)
        else:
            log.warning("a command batch is not settled; sending it again", partition=partition)
            self._send(backlog, repeatable(batch, self._queue))
