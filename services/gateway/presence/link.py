"""The gateway's link to the presence service: its lease, its updates, and the news for its clients."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.gateway.presence.outbox import Outbox
from services.gateway.presence.watches import Watches
from warren.chassis.lifecycle import Tasks
from warren.chassis.telemetry import get_logger
from warren.contracts.errors import Refusal
from warren.contracts.events import PresenceChanged
from warren.contracts.presence import LEASE_REFRESH, LEASE_SECONDS, SET_STATUS, UPDATE, SetStatus, Update, lease_key
from warren.contracts.rest import Presence
from warren.contracts.rpc import Method

Q = TypeVar("Q", bound=msgspec.Struct)
R = TypeVar("R", bound=msgspec.Struct)
Deliver = Callable[[str, list[Presence]], None]
"""Gives a connection its news. Must not raise; a connection that is gone gets nothing."""
log = get_logger("presence")


class Caller(Protocol):
    """What the link needs of warren.chassis.rpc.RpcClient."""

    async def call(self, method: Method[Q, R], request: Q, /) -> R: ...


class Timing(msgspec.Struct, frozen=True):
    """In seconds. `linger`: how long a user stays watched after the last watcher; `retry`: the longest pause between
    tries."""

    lease: float = LEASE_SECONDS
    refresh: float = LEASE_REFRESH
    linger: float = 10.0
    retry: float = 2.0


class PresenceLink:
    """A part. `start` waits for nothing, and no method but `set_status` waits or fails: without Redis or the presence
    service the gateway works on, and what could not be told is told when they are back.

    The service is told under a lease. When the lease is lost (Redis lost it, the service struck it off) or the queue
    has moved, a new one is opened and everything is told again; former leases are kept until that is done, so that
    nobody falls offline meanwhile.
    """

    def __init__(
        self,
        *,
        incarnation: str,
        queue: str,
        redis: Redis,
        rpc: Caller,
        tasks: Tasks,
        deliver: Deliver,
        timing: Timing = Timing(),
    ) -> None:
        self._incarnation = incarnation
        self._queue = queue
        self._redis = redis
        self._rpc = rpc
        self._tasks = tasks
        self._deliver = deliver
        self._timing = timing
        self._connections: dict[str, str] = {}
        self._watches = Watches()
        self._outbox = Outbox()
        self._leases_opened = 0
        self._lease: str | None = None
        self._answered = False
        self._former: list[str] = []
        self._failures = 0
        self._wake = asyncio.Event()
        self._moved = asyncio.Event()
        self._unwatching: asyncio.TimerHandle | None = None
        self._running: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._running = [
            self._tasks.spawn("presence-updates", self._keep_told()),
            self._tasks.spawn("presence-lease", self._keep_lease()),
        ]

    async def stop(self) -> None:
        """End the lease, and with it all connections at once. Users with another gateway stay online, the others for
        the grace, in which they find another."""
        await self._tasks.cancel(*self._running)
        if self._unwatching is not None:
            self._unwatching.cancel()
        await self._end_leases([*self._former, *([self._lease] if self._lease else [])])

    def connected(self, connection_id: str, user: str) -> None:
        """A client's session began on a connection, whose id was never used before."""
        self._connections[connection_id] = user
        self._outbox.connected(connection_id, user)
        self._wake.set()

    def disconnected(self, connection_id: str, user: str) -> None:
        """It ended; its watches end too. Does nothing if it never began."""
        self.watch(connection_id, ())
        if self._connections.pop(connection_id, None) is not None:
            self._outbox.disconnected(connection_id, user)
            self._wake.set()

    def watch(self, connection_id: str, users: Iterable[str]) -> None:
        """Replaces the set of users that a connection watches. What is known of them is delivered at once, the rest
        when the service has answered."""
        known, new = self._watches.replace(connection_id, users, asyncio.get_running_loop().time())
        for user in new:
            self._outbox.watch(user)
        if new:
            self._wake.set()
        self._unwatch_later()
        if known:
            self._deliver(connection_id, known)

    async def set_status(self, user: str, status: str, text: str | None = None) -> None:
        """Raises Refusal: `validation_failed`, or what the call ran into."""
        await self._rpc.call(SET_STATUS, SetStatus(user, status, text))

    def on_notice(self, notice: PresenceChanged) -> None:
        """News from the service, out of this gateway's queue."""
        self._tell_connections(notice.presences, notice.at)

    def moved(self, queue: str) -> None:
        """The broker's connection is new, and notices now have to go to `queue` (also when the name is the same: what
        was sent meanwhile is lost)."""
        self._queue = queue
        if self._running:
            self._reopen("the queue has moved")
        self._moved.set()

    def figure(self) -> str:
        """For the health report."""
        told = "all told" if not self._outbox.waiting else f"{self._outbox.waiting} changes to tell"
        lease = "lease held" if self._lease else "no lease yet"
        return f"{len(self._connections)} connections, {len(self._watches)} users watched, {lease}, {told}"

    # -- telling the service ------------------------------------------------------------------------------------------

    async def _keep_told(self) -> None:
        while True:
            if self._lease is None:
                await self._open_lease()
            update = self._outbox.next()
            if update is not None:
                await self._tell(update)
                continue
            former, self._former = self._former, []
            await self._end_leases(former)
            await self._wake.wait()
            self._wake.clear()

    async def _tell(self, update: Update) -> None:
        try:
            answer = await self._rpc.call(UPDATE, update)
        except (Refusal, msgspec.DecodeError) as error:
            if not self._failures:  # once for each outage
                log.warning("could not tell the presence service; trying until it works", error=str(error))
            await self._pause()
            return
        if answer.lost:
            self._reopen("the service does not know it")
            await self._pause()
            return
        self._failures, self._answered = 0, True
        self._outbox.answered()
        self._tell_connections(answer.presences, answer.at)

    async def _pause(self) -> None:
        """Longer with each failure, with jitter; a new broker connection ends it."""
        self._failures = min(self._failures + 1, 10)
        longest = min(self._timing.retry, 0.1 * 2**self._failures)
        self._moved.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(random.uniform(0, longest)):  # noqa: S311 - jitter, not a secret
                await self._moved.wait()

    # -- the lease ----------------------------------------------------------------------------------------------------

    def _reopen(self, reason: str) -> None:
        """Let the updates' task open a new lease."""
        if self._lease is not None:
            log.info("opening a new lease", former=self._lease, reason=reason)
            if self._answered:  # else nothing hangs on it, and it may end by itself
                self._former.append(self._lease)
            self._lease = None
        self._wake.set()

    async def _open_lease(self) -> None:
        """Returns when Redis has taken it."""
        self._leases_opened += 1
        lease = f"{self._incarnation}.{self._leases_opened}"
        while not await self._set(lease, new=True):
            await self._pause()
        self._lease, self._answered = lease, False
        self._outbox.begin(lease, self._queue, self._connections, self._watches.users())

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(self._timing.refresh)
            for lease in [*self._former]:
                await self._set(lease)
            lease_now = self._lease
            if lease_now is not None and await self._set(lease_now) is False and lease_now == self._lease:
                self._reopen("Redis does not know it")

    async def _set(self, lease: str, *, new: bool = False) -> bool | None:
        """Refresh a lease. False if it has ended; None if Redis does not answer."""
        try:
            held = await self._redis.set(
                lease_key(lease), self._incarnation, px=int(self._timing.lease * 1000), xx=not new
            )
        except (RedisError, OSError) as error:
            log.warning("could not refresh the lease; trying again", error=str(error)[:200])
            return None
        return bool(held)

    async def _end_leases(self, leases: list[str]) -> None:
        if not leases:
            return
        try:
            await self._redis.delete(*(lease_key(lease) for lease in leases))
        except (RedisError, OSError) as error:
            log.warning("could not end leases; they end by themselves", error=str(error)[:200])

    # -- news for the connections -------------------------------------------------------------------------------------

    def _tell_connections(self, presences: list[Presence], at: int) -> None:
        for connection, news in self._watches.learn(presences, at).items():
            self._deliver(connection, news)

    def _unwatch_later(self) -> None:
        since = self._watches.idle_since
        if since is not None and self._unwatching is None:
            self._unwatching = asyncio.get_running_loop().call_at(since + self._timing.linger, self._unwatch_idle)

    def _unwatch_idle(self) -> None:
        self._unwatching = None
        for user in self._watches.forget_idle(asyncio.get_running_loop().time() - self._timing.linger):
            self._outbox.unwatch(user)
            self._wake.set()
        self._unwatch_later()
