"""Which gateways listen to which room: in the owner's memory, and in Redis so that a new owner knows them.

A gateway's name is its queue. One whose queue is gone is struck off everywhere and for good: names are never reused.
"""

from collections import OrderedDict
from collections.abc import Iterable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from warren.chassis.telemetry import get_logger
from warren.contracts.rooms import LISTENERS_KEEP_SECONDS, listeners_key

KEEP_GONE = 1_000
log = get_logger("listeners")


class Listeners:
    """The sets of the rooms that are in memory."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._sets: dict[str, set[str]] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()

    async def load(self, rooms: Iterable[str]) -> None:
        """Read the sets of rooms that come into memory, or add what others wrote there meanwhile. Raises RedisError:
        without them members would miss events."""
        wanted = list(rooms)
        async with self._redis.pipeline(transaction=False) as pipe:
            for room in wanted:
                pipe.smembers(listeners_key(room))
            found = await pipe.execute()
        for room, gateways in zip(wanted, found, strict=True):
            known = self._sets.setdefault(room, set())
            known.update(gateway for gateway in gateways if gateway not in self._gone)

    def forget(self, room: str) -> None:
        self._sets.pop(room, None)

    def clear(self) -> None:
        self._sets.clear()

    def of(self, room: str) -> set[str]:
        return self._sets.get(room, set())

    def add(self, room: str, gateway: str) -> None:
        self._sets.setdefault(room, set()).add(gateway)

    def remove(self, room: str, gateway: str) -> None:
        self._sets.get(room, set()).discard(gateway)

    async def store(self, added: list[tuple[str, str]], removed: list[tuple[str, str]]) -> None:
        """Write (room, gateway) pairs to Redis. When it is away our memory has them, and gateways add themselves again
        when it is back."""
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for room, gateway in added:
                    pipe.sadd(listeners_key(room), gateway)
                    pipe.expire(listeners_key(room), LISTENERS_KEEP_SECONDS)
                for room, gateway in removed:
                    pipe.srem(listeners_key(room), gateway)
                await pipe.execute()
        except RedisError as error:
            log.warning("listeners not stored in Redis", error=str(error)[:200], rooms=len(added))

    def gone(self, gateway: str) -> list[str]:
        """Strike off a gateway whose queue does not exist. Returns the rooms that it listened to."""
        self._gone[gateway] = None
        if len(self._gone) > KEEP_GONE:
            self._gone.popitem(last=False)
        rooms = [room for room, gateways in self._sets.items() if gateway in gateways]
        for room in rooms:
            self._sets[room].discard(gateway)
        log.info("a gateway is gone", gateway=gateway, rooms=len(rooms))
        return rooms
