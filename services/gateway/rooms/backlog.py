"""Commands of one partition at a gateway: what gathers, what may, and the batch in flight. Pure."""

from collections import deque

from msgspec import Struct

from warren.contracts import rooms

BATCH_COMMANDS = 250
CROWD = 16
CROWDED_SECONDS = 0.04
"""A batch of CROWD commands and more is followed by the next one so long after it at the earliest, with all that came
meanwhile: what it costs to carry them out is in the number of batches (docs/adr/0019)."""
OPEN_COMMANDS = 2_000
"""Commands that may gather at a gateway, each partition its share (a quarter at least), or what it settles in half a
second if that is more: past it `overloaded`, so that what is accepted waits for about a second, not for all before
it."""
OPEN_WHEN_SLOW = 600
SLOW_SECONDS = 1.0
"""The same while the batch in flight has been away for so long. (With 2,000 then too, acks took 9.5 s at 3 times the
2,800 messages/s that a busy machine could do; with 600 always, one client's burst was refused by an idle one.)"""
OPEN_UPKEEP = 20_000
"""The same of one partition for what nobody typed: refusing to listen would only bring the client back with more."""
RESEND_SECONDS = 5.0
UNCONFIRMED_SECONDS = 1.0
"""The same at first for a batch that the broker has not confirmed: what comes to a queue whose leader has just died may
be lost without a word (a cluster's leader killed: messages go on after 2.5 s instead of 5.5)."""
UPKEEP = (rooms.Listen, rooms.Unlisten, rooms.Canary)


class Backlog(Struct):
    """`flying` is the batch whose `done` has not come yet; it was sent first at `since`, last at `sent_at`, and may be
    in the queue `copies` times; `confirmed`: the broker has the last. The next one leaves at `next_at` or later. Times
    are in seconds."""

    partition: int
    share: int
    share_when_slow: int
    waiting: deque[rooms.AnyCommand]
    number: int = 0
    flying: rooms.CommandBatch | None = None
    since: float = 0.0
    sent_at: float = 0.0
    copies: int = 0
    confirmed: bool = False
    next_at: float = 0.0
    half_second: int = 0
    settled: int = 0
    settled_before: int = 0

    def is_full(self, command: rooms.AnyCommand, now: float) -> bool:
        """Is there too much to take this one in?"""
        if len(self.waiting) < self.share_when_slow:
            return False
        if isinstance(command, UPKEEP):
            return len(self.waiting) >= OPEN_UPKEEP
        slow = self.flying is not None and now - self.since > SLOW_SECONDS
        return len(self.waiting) >= max(self.share_when_slow if slow else self.share, self.half_second)

    def may_leave(self, now: float) -> bool:
        """Something waits, nothing is in flight, and a large batch before it is long enough ago."""
        ready = self.flying is None and bool(self.waiting)
        return ready and (now >= self.next_at or len(self.waiting) >= BATCH_COMMANDS)

    def held_back(self, now: float) -> float:
        """Seconds until what waits may leave, if only the time is missing; 0 else."""
        return max(self.next_at - now, 0.0) if self.waiting and self.flying is None else 0.0

    def take_off(self, queue: str, now: float) -> rooms.CommandBatch:
        """The next batch, to be answered at `queue`."""
        count = min(len(self.waiting), BATCH_COMMANDS)
        self.number += 1
        self.since = now
        self.next_at = now + CROWDED_SECONDS if count >= CROWD else 0.0
        self.copies = 0
        commands = [self.waiting.popleft() for _ in range(count)]
        return rooms.CommandBatch(queue, self.partition, self.number, commands)

    def sent(self, batch: rooms.CommandBatch, now: float) -> None:
        self.flying = batch
        self.sent_at = now
        self.copies += 1
        self.confirmed = False

    def landed(self, number: int) -> bool:
        """The batch in flight is settled, if this is its number."""
        if self.flying is None or self.flying.number != number:
            return False
        self.settled += len(self.flying.commands)
        return True

    def is_overdue(self, now: float) -> bool:
        """Is the batch in flight to be sent again?"""
        patience = RESEND_SECONDS
        if not self.confirmed:  # after 1, 2, 4, 5 seconds
            patience = min(max(self.sent_at - self.since, UNCONFIRMED_SECONDS), RESEND_SECONDS)
        return self.flying is not None and now - self.sent_at > patience

    def half_second_passed(self) -> None:
        """Keep count of what half a second settles."""
        self.half_second = (self.settled + self.settled_before) // 2
        self.settled, self.settled_before = 0, self.settled


def backlogs(partitions: int) -> list[Backlog]:
    """One for each partition, with its share of what may gather."""
    few = min(partitions, 4)
    return [Backlog(number, OPEN_COMMANDS // few, OPEN_WHEN_SLOW // few, deque()) for number in range(partitions)]


def repeatable(batch: rooms.CommandBatch, queue: str) -> rooms.CommandBatch:
    """The batch to send again. What is not idempotent when it comes late is left out: an old Unlisten must not undo
    a newer Listen (an owner that goes on sending is told again), and typing is over."""
    commands: list[rooms.AnyCommand] = [
        command for command in batch.commands if not isinstance(command, rooms.Unlisten | rooms.Typing)
    ]
    return rooms.CommandBatch(queue, batch.partition, batch.number, commands)
