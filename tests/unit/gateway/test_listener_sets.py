"""Whatever Redis loses of who listens to what, a gateway puts itself back."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, cast

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from services.gateway.rooms.listener_sets import ListenerSets
from tests.support.waiting import eventually
from warren.chassis.lifecycle import Tasks
from warren.contracts.rooms import listeners_key

QUEUE = "gateway.g1.abc.1"


class FakeRedis:
    """As much of Redis as is used here. `run` is the server's `run_id`."""

    def __init__(self) -> None:
        self.run = "first"
        self.away = False
        self.fails_at: int | None = None
        self.keys: dict[str, Any] = {}
        self.pipelines: list[int] = []
        self.looks = 0
        self._queued: list[tuple[str, str]] = []

    async def info(self, _section: str) -> dict[str, str]:
        self.looks += 1
        self._check()
        return {"run_id": self.run}

    async def get(self, key: str) -> str | None:
        self._check()
        return self.keys.get(key)

    async def set(self, key: str, value: str, ex: int) -> None:
        assert ex > 0
        self._check()
        self.keys[key] = value

    async def delete(self, key: str) -> None:
        self._check()
        self.keys.pop(key, None)

    def pipeline(self, *, transaction: bool) -> "FakeRedis":
        assert not transaction
        self._queued = []
        return self

    async def __aenter__(self) -> "FakeRedis":
        return self

    async def __aexit__(self, *_error: object) -> None:
        return None

    def sadd(self, key: str, member: str) -> None:
        self._queued.append((key, member))

    def expire(self, key: str, seconds: int) -> None:
        assert (key, seconds > 0) == (self._queued[-1][0], True)

    async def execute(self) -> None:
        self._check()
        if self.fails_at == len(self.pipelines):
            self.fails_at = None
            raise RedisConnectionError("gone in the middle")
        self.pipelines.append(len(self._queued))
        for key, member in self._queued:
            self.keys.setdefault(key, set()).add(member)

    def _check(self) -> None:
        if self.away:
            raise RedisConnectionError("away")

    def empty(self) -> None:
        self.keys.clear()

    def listens(self, room: str) -> bool:
        return QUEUE in self.keys.get(listeners_key(room), ())


class FakeRooms:
    def __init__(self) -> None:
        self.ids: list[str] = []
        self.repairs = 0

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def repair(self, chosen: Callable[[Any], bool], /) -> None:
        assert chosen(object())
        self.repairs += 1


@pytest.fixture
def redis() -> FakeRedis:
    return FakeRedis()


@pytest.fixture
def rooms() -> FakeRooms:
    return FakeRooms()


@pytest.fixture
async def sets(redis: FakeRedis, rooms: FakeRooms) -> AsyncIterator[ListenerSets]:
    tasks = Tasks()
    made = ListenerSets("g1.abc", cast(Redis, redis), rooms, tasks, check_seconds=0.001)
    made.moved(QUEUE)
    await made.start()
    await looked(redis)
    rooms.ids = ["den", "hall"]
    yield made
    await made.stop()
    await tasks.cancel_all()


async def looked(redis: FakeRedis) -> None:
    """Two more looks have begun, so at least one was made whole."""
    wanted = redis.looks + 2

    async def enough() -> bool:
        return redis.looks >= wanted

    await eventually(enough, "looked again")


async def test_nothing_is_written_while_redis_keeps_what_it_has(
    sets: ListenerSets, redis: FakeRedis, rooms: FakeRooms
) -> None:
    await looked(redis)
    assert (redis.pipelines, rooms.repairs) == ([], 0)


async def test_an_emptied_redis_gets_every_room_again_and_their_owners_are_asked_once(
    sets: ListenerSets, redis: FakeRedis, rooms: FakeRooms
) -> None:
    redis.empty()
    await looked(redis)
    assert redis.listens("den") and redis.listens("hall")
    await looked(redis)
    assert (redis.pipelines, rooms.repairs) == ([2], 1)


async def test_a_restarted_redis_gets_every_room_again_although_it_kept_the_mark(
    sets: ListenerSets, redis: FakeRedis, rooms: FakeRooms
) -> None:
    redis.run = "second"
    await looked(redis)
    assert redis.listens("den") and rooms.repairs == 1


async def test_when_redis_was_away_everything_is_written_again(
    sets: ListenerSets, redis: FakeRedis, rooms: FakeRooms
) -> None:
    redis.away = True
    await looked(redis)
    redis.away = False
    await looked(redis)
    assert redis.listens("den") and rooms.repairs == 1


async def test_a_loss_in_the_middle_begins_anew(sets: ListenerSets, redis: FakeRedis, rooms: FakeRooms) -> None:
    rooms.ids = [f"room-{number}" for number in range(1200)]
    redis.fails_at = 1
    redis.empty()
    await looked(redis)
    await looked(redis)
    assert redis.pipelines == [500, 500, 500, 200]
    assert all(redis.listens(room) for room in rooms.ids)
    assert rooms.repairs == 1


async def test_the_queue_of_now_is_written(sets: ListenerSets, redis: FakeRedis) -> None:
    sets.moved("gateway.g1.abc.2")
    redis.empty()
    await looked(redis)
    assert redis.keys[listeners_key("den")] == {"gateway.g1.abc.2"}


async def test_a_stopped_gateway_takes_its_mark_with_it(redis: FakeRedis, rooms: FakeRooms) -> None:
    tasks = Tasks()
    sets = ListenerSets("g1.abc", cast(Redis, redis), rooms, tasks, check_seconds=0.001)
    await sets.start()
    await looked(redis)
    assert redis.keys
    await sets.stop()
    assert not redis.keys
    await asyncio.sleep(0)
    await tasks.cancel_all()
