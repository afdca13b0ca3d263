"""Commands to the owners of rooms: adaptive batches out, answers back to those who wait.

A partition with no batch in flight sends at the end of the tick; while one is in flight commands gather and leave
together. So a lone command waits for nothing, and with load batches grow by themselves; only large ones are kept apart.
One batch of a partition in flight also keeps every sender's order.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextvars import Context

from aiormq.channel import Channel
from aiormq.exceptions import AMQPError
from msgspec import Struct
from pamqp.commands import Basic
from prometheus_client import Counter

from services.gateway.rooms.waiters import ANSWER_SECONDS, OVERLOADED_MS, Waiter, Waiters
from warren.chassis.broker import Link, Rejected, Unroutable, publish
from warren.chassis.lifecycle import Tasks
from warren.chassis.telemetry import get_logger
from warren.contracts import rooms
from warren.contracts.codec import encode
from warren.contracts.errors import Code, Refusal
from warren.contracts.events import Done
from warren.contracts.ids import partition_of
from warren.contracts.topology import partition_queue

BATCH_COMMANDS = 250
CROWD = 16
CROWDED_SECONDS = 0.04
"""A batch of CROWD commands and more is followed by the next one so long after it at the earliest, with all that came
meanwhile: what it costs to carry them out is in the number of batches (docs/adr/0019)."""
OPEN_COMMANDS = 2_000
"""Commands that may gather here, each partition its share (a quarter at least), or what it settles in half a second if
that is more: past it `overloaded`, so that what is accepted waits for about a second, not for all before it."""
OPEN_WHEN_SLOW = 600
SLOW_SECONDS = 1.0
"""The same while the batch in flight has been away for so long. (With 2,000 then too, acks took 9.5 s at 3 times the
2,800 messages/s that a busy machine could do; with 600 always, one client's burst was refused by an idle one.)"""
OPEN_UPKEEP = 20_000
"""The same of one partition for what nobody typed: refusing to listen would only bring the client back with more."""
RESEND_SECONDS = 5.0
WATCH_SECONDS = 0.5

BATCHES = Counter("warren_command_batches_total", "Command batches sent to room owners.")
log = get_logger("commands")
UPKEEP = (rooms.Listen, rooms.Unlisten, rooms.Canary)
PERSISTENT = Basic.Properties(delivery_mode=2)


class _Partition(Struct):
    """`flying` is the batch whose `done` has not come yet; it was sent first at `since`, last at `sent_at`, and may be
    in the queue `copies` times. The next one leaves at `next_at` or later."""

    number: int = 0
    open: deque[rooms.AnyCommand] = deque()
    flying: rooms.CommandBatch | None = None
    since: float = 0.0
    sent_at: float = 0.0
    copies: int = 0
    next_at: float = 0.0
    half_second: int = 0
    settled: int = 0
    settled_before: int = 0


class CommandSender:
    """`queue` is this gateway's own queue, which gets the answers; it changes with each broker connection."""

    def __init__(self, partitions: int, tasks: Tasks, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._share = OPEN_COMMANDS // min(partitions, 4)
        self._share_when_slow = OPEN_WHEN_SLOW // min(partitions, 4)
        self._partitions = [_Partition(open=deque()) for _ in range(partitions)]
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
                while any(partition.flying or partition.open for partition in self._partitions):
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
        partition = self._partitions[partition_of(command.room, len(self._partitions))]
        if len(partition.open) >= self._share_when_slow and self._full(partition, command):
            raise Refusal(Code.OVERLOADED, "Too much is under way; try again.", retry_after_ms=OVERLOADED_MS)
        if waiter is not None:
            self._waiters.add(command.ref, waiter)
        partition.open.append(command)
        if partition.flying is None:
            self._schedule()

    def _full(self, partition: _Partition, command: rooms.AnyCommand) -> bool:
        if isinstance(command, UPKEEP):
            return len(partition.open) >= OPEN_UPKEEP
        slow = partition.flying is not None and self._now() - partition.since > SLOW_SECONDS
        return len(partition.open) >= max(self._share_when_slow if slow else self._share, partition.half_second)

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
        partition = self._partitions[done.partition]
        if partition.flying is not None and partition.flying.number == done.number:
            partition.settled += len(partition.flying.commands)
            self._release(partition)

    async def open(self, link: Link, queue: str) -> None:
        """A new connection: what was in flight is sent again, to be answered at `queue`. Repeating is harmless: what
        was stored is found by its nonce."""
        self._channel = await link.channel()
        self._queue = queue
        for number, partition in enumerate(self._partitions):
            if partition.flying is not None:
                partition.since = self._now()
                self._send(number, partition, _repeatable(partition.flying, queue))
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            # A batch is of many requests: what is logged of it must not carry the ids of whichever came first.
            asyncio.get_running_loop().call_soon(self._flush, context=Context())

    def _flush(self) -> None:
        self._scheduled = False
        now = self._now()
        for number, partition in enumerate(self._partitions):
            if partition.open and partition.flying is None and self._channel is not None:
                if now < partition.next_at and len(partition.open) < BATCH_COMMANDS:
                    self._flush_in(partition.next_at - now)
                    continue
                count = min(len(partition.open), BATCH_COMMANDS)
                partition.number += 1
                partition.since = now
                partition.next_at = now + CROWDED_SECONDS if count >= CROWD else 0.0
                partition.copies = 0
                commands = [partition.open.popleft() for _ in range(count)]
                self._send(number, partition, rooms.CommandBatch(self._queue, number, partition.number, commands))

    def _flush_in(self, seconds: float) -> None:
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(seconds, self._wake, context=Context())

    def _wake(self) -> None:
        self._alarm = None
        self._flush()

    def _send(self, number: int, partition: _Partition, batch: rooms.CommandBatch) -> None:
        partition.flying = batch
        partition.sent_at = self._now()
        partition.copies += 1
        BATCHES.inc()
        self._tasks.spawn("send-batch", self._publish(number, partition, batch))

    async def _publish(self, number: int, partition: _Partition, batch: rooms.CommandBatch) -> None:
        channel = self._channel
        if channel is None or channel.is_closed:
            return  # sent again on the next connection
        try:
            await publish(channel, partition_queue(number).name, encode(batch), mandatory=True, properties=PERSISTENT)
        except Rejected:
            self._refuse(partition, batch, Code.OVERLOADED, "The rooms' queue is full; try again.")
        except Unroutable:
            self._refuse(partition, batch, Code.UNAVAILABLE, "The messaging service cannot be reached; try again.")
        except (AMQPError, ConnectionError) as error:
            log.info("batch not confirmed; it is sent again on the next connection", error=str(error))

    def _refuse(self, partition: _Partition, batch: rooms.CommandBatch, code: Code, detail: str) -> None:
        """Nothing of the batch is in the queue. Of one that was sent before that is not known: it stays in flight."""
        if partition.flying is not batch or partition.copies > 1:
            log.info("the broker did not take a repeated batch", code=code)
            return
        for command in batch.commands:
            self.answered(rooms.Refused(command.ref, code, detail, OVERLOADED_MS))
        self._release(partition)

    def _release(self, partition: _Partition) -> None:
        partition.flying = None
        self._landed.set()
        if partition.open:
            self._schedule()

    async def _watch(self) -> None:
        """Nobody waits for ever: answers that do not come, and batches that got lost."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            now = self._now()
            self._waiters.refuse_late()
            for number, partition in enumerate(self._partitions):
                partition.half_second = (partition.settled + partition.settled_before) // 2
                partition.settled, partition.settled_before = 0, partition.settled
                if partition.flying is not None and now - partition.sent_at > RESEND_SECONDS:
                    self._send_again(number, partition, partition.flying, now)

    def _send_again(self, number: int, partition: _Partition, batch: rooms.CommandBatch, now: float) -> None:
        """Unless it was sent so long ago that nobody waits any more: a batch that kills its owners, or that no owner
        can read, must not come again for ever, and must not hold up what is behind it."""
        if self._channel is None or self._channel.is_closed:
            return  # it is sent again on the next connection
        if now - partition.since > ANSWER_SECONDS:
            log.error("a command batch is not settled and nobody waits any more; going on without it", partition=number)
            self._release(partition)
        else:
            log.warning("a command batch is not settled; sending it again", partition=number)
            self._send(number, partition, _repeatable(batch, self._queue))


def _repeatable(batch: rooms.CommandBatch, queue: str) -> rooms.CommandBatch:
    """The batch to send again. What is not idempotent when it comes late is left out: an old Unlisten must not undo
    a newer Listen (an owner that goes on sending is told again), and typing is over."""
    commands: list[rooms.AnyCommand] = [
        command for command in batch.commands if not isinstance(command, rooms.Unlisten | rooms.Typing)
    ]
    return rooms.CommandBatch(queue, batch.partition, batch.number, commands)
