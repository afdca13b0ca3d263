"""Keeps this gateway in Redis's listener sets, by which a new owner of a room knows whom to tell.

Owners write the sets at each `Listen`, so nothing is to do here until Redis loses something: emptied, restarted without
its last second, failed over to a replica that lags. A mark shows that: a key of this gateway's own, whose value is the
run of the Redis server that took it.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

from warren.chassis.lifecycle import Tasks
from warren.chassis.telemetry import get_logger
from warren.contracts.rooms import LISTENERS_KEEP_SECONDS, listeners_key

CHECK_SECONDS = 3.0
MARK_SECONDS = 7 * 86_400
"""When the mark ends by itself the sets are written again, long before they end."""

ROOMS_AT_ONCE = 500
log = get_logger("listener-sets")


class Rooms(Protocol):
    """What this needs of `local_rooms.LocalRooms`."""

    def __iter__(self) -> Iterator[str]: ...

    def repair(self, chosen: Callable[[Any], bool], /) -> None: ...


class ListenerSets:
    """A part. Redis may be away: then everything is written when it is back."""

    def __init__(
        self, incarnation: str, redis: Redis, rooms: Rooms, tasks: Tasks, check_seconds: float = CHECK_SECONDS
    ) -> None:
        self._mark = f"gateway:listens:{incarnation}"
        self._redis = redis
        self._rooms = rooms
        self._tasks = tasks
        self._check_seconds = check_seconds
        self._queue = ""
        self._complete = False
        self._away = False
        self._task: asyncio.Task[None] | None = None

    def moved(self, queue: str) -> None:
        """This gateway's queue has this name from now on; who moves it lets every room listen anew."""
        self._queue = queue

    async def start(self) -> None:
        self._task = self._tasks.spawn("listener-sets", self._repeat())

    async def stop(self) -> None:
        """The queue goes with this gateway: owners strike it off when they meet it."""
        await self._tasks.cancel(self._task)
        try:
            await self._redis.delete(self._mark)
        except (RedisError, OSError) as error:
            log.info("the mark stays in Redis until it ends by itself", error=str(error)[:200])

    async def _repeat(self) -> None:
        while True:
            try:
                await self._check()
                self._away = False
            except (RedisError, OSError) as error:
                # An owner may have failed to write a `Listen` of ours too.
                self._complete = False
                if not self._away:
                    log.warning("Redis is away; listener sets are written when it is back", error=str(error)[:200])
                self._away = True
            await asyncio.sleep(self._check_seconds)

    async def _check(self) -> None:
        run = str((await self._redis.info("server"))["run_id"])
        if self._complete and await self._redis.get(self._mark) == run:
            return
        # The mark first: what is lost while the sets are written takes it along.
        await self._redis.set(self._mark, run, ex=MARK_SECONDS)
        rooms = list(self._rooms)
        for begin in range(0, len(rooms), ROOMS_AT_ONCE):
            await self._add(rooms[begin : begin + ROOMS_AT_ONCE])
        self._complete = True
        if rooms:
            log.warning("Redis had lost who listens; written again", rooms=len(rooms))
            # An owner that took over meanwhile did not find us, and may have stored events since.
            self._rooms.repair(lambda _room: True)

    async def _add(self, rooms: list[str]) -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            for room in rooms:
                pipe.sadd(listeners_key(room), self._queue)
                pipe.expire(listeners_key(room), LISTENERS_KEEP_SECONDS)
            await pipe.execute()
