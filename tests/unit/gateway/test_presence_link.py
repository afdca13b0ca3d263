"""The link to the presence service: tells everything, in order, once at a time, whatever fails meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from services.gateway.presence import PresenceLink, Timing
from tests.support.waiting import eventually
from warren.chassis.lifecycle import Tasks
from warren.contracts.errors import Code, Refusal
from warren.contracts.events import PresenceChanged
from warren.contracts.presence import SET_STATUS, Connected, SetStatus, Update, Updated, lease_key
from warren.contracts.rest import Presence
from warren.contracts.rpc import Nothing

TIMING = Timing(lease=0.5, refresh=0.01, linger=0.05, retry=0.01)


class Service:
    """The presence service as the link sees it: keeps what it was told, fails on demand."""

    def __init__(self) -> None:
        self.updates: list[Update] = []
        self.connections: dict[str, str] = {}
        self.watched: set[str] = set()
        self.statuses: list[SetStatus] = []
        self.failing = self.losing = 0
        self.open = asyncio.Event()
        self.open.set()
        self.in_flight = 0

    async def call(self, method: object, request: Any, /) -> Any:
        if method is SET_STATUS:
            self.statuses.append(request)
            return Nothing()
        self.in_flight += 1
        assert self.in_flight == 1, "two updates in flight"
        try:
            await self.open.wait()
            return self.take(request)
        finally:
            self.in_flight -= 1

    def take(self, update: Update) -> Updated:
        self.updates.append(update)
        if self.failing:
            self.failing -= 1
            raise Refusal(Code.UNAVAILABLE, "away")
        if self.losing:
            self.losing -= 1
            return Updated([], 0, lost=True)
        if update.number == 1:
            self.connections, self.watched = {}, set()
        self.connections.update({each.connection: each.user for each in update.connected})
        for each in update.disconnected:
            del self.connections[each.connection]
        self.watched = self.watched.union(update.watch).difference(update.unwatch)
        return Updated([online(user) for user in update.watch], len(self.updates))


class Leases:
    """The two commands of Redis that the link uses; keys never expire by themselves here."""

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.failing = False

    async def set(self, key: str, _value: str, *, px: int, xx: bool) -> bool | None:
        assert px == 500
        if self.failing:
            raise RedisConnectionError
        if xx and key not in self.keys:
            return None
        self.keys.add(key)
        return True

    async def delete(self, *keys: str) -> None:
        self.keys.difference_update(keys)


class Bench:
    """A link with its two servers and what it delivered."""

    def __init__(self, tasks: Tasks) -> None:
        self.service = Service()
        self.redis = Leases()
        self.delivered: list[tuple[str, str, str]] = []
        self.tasks = tasks
        self.link = PresenceLink(
            incarnation="g",
            queue="q1",
            redis=cast(Redis, self.redis),
            rpc=self.service,
            tasks=tasks,
            deliver=self.deliver,
            timing=TIMING,
        )

    def deliver(self, connection: str, news: list[Presence]) -> None:
        self.delivered += [(connection, each.user, each.status) for each in news]

    async def until_told(self, connections: dict[str, str], watched: set[str] | None = None) -> None:
        async def told() -> bool:
            return self.service.connections == connections and self.service.watched == (watched or set())

        await eventually(
            told, f"told {connections} {watched}, has {self.service.connections} {self.service.watched}", 3
        )

    async def until_leases(self, *leases: str) -> None:
        async def held() -> bool:
            return self.redis.keys == {lease_key(lease) for lease in leases}

        await eventually(held, f"leases are {leases}", 3)


def online(user: str) -> Presence:
    return Presence(user, "online", "", None)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    tasks = Tasks()
    made = Bench(tasks)
    await made.link.start()
    yield made
    assert not tasks.failed.done()
    await made.link.stop()
    await tasks.cancel_all()


async def test_connections_are_told_in_batches_while_one_is_in_flight(bench: Bench) -> None:
    bench.service.open.clear()
    for number in range(100):
        bench.link.connected(f"c{number}", "ann")
        await asyncio.sleep(0)
    bench.service.open.set()
    await bench.until_told({f"c{number}": "ann" for number in range(100)})
    assert len(bench.service.updates) <= 3


async def test_an_update_that_fails_is_repeated_unchanged_before_anything_else(bench: Bench) -> None:
    await bench.until_told({})
    bench.service.failing = 3
    bench.link.connected("c1", "ann")
    await asyncio.sleep(0)
    bench.link.connected("c2", "bob")
    await bench.until_told({"c1": "ann", "c2": "bob"})
    tries = [each for each in bench.service.updates if each.connected and each.connected[0].connection == "c1"]
    assert len(tries) == 4
    assert all(each is tries[0] for each in tries)


async def test_an_unknown_lease_makes_the_link_open_another_and_tell_everything(bench: Bench) -> None:
    bench.link.connected("c1", "ann")
    bench.link.watch("c1", ["bob"])
    await bench.until_told({"c1": "ann"}, {"bob"})
    bench.service.losing = 1
    bench.link.connected("c2", "cem")
    await bench.until_told({"c1": "ann", "c2": "cem"}, {"bob"})
    last = bench.service.updates[-1]
    assert (last.lease, last.number) == ("g.2", 1)
    await bench.until_leases("g.2")


async def test_a_lease_that_redis_lost_is_noticed_by_the_refresh(bench: Bench) -> None:
    bench.link.connected("c1", "ann")
    await bench.until_told({"c1": "ann"})
    bench.redis.keys.clear()
    bench.service.connections.clear()
    await bench.until_told({"c1": "ann"})
    await bench.until_leases("g.2")


async def test_a_moved_queue_is_told_with_everything_and_the_former_lease_is_held_until_then(bench: Bench) -> None:
    bench.link.connected("c1", "ann")
    await bench.until_told({"c1": "ann"})
    bench.service.open.clear()
    bench.link.moved("q2")
    await bench.until_leases("g.1", "g.2")
    bench.service.open.set()
    await bench.until_leases("g.2")
    assert bench.service.updates[-1].queue == "q2"
    assert bench.service.updates[-1].connected == [Connected("c1", "ann")]


async def test_an_outage_with_many_reconnections_leaves_no_trail_of_leases(bench: Bench) -> None:
    await bench.until_leases("g.1")
    bench.service.failing = 10_000
    for number in range(20):
        bench.link.moved(f"q{number}")
        await asyncio.sleep(0.01)
    bench.service.failing = 0
    bench.link.connected("c1", "ann")
    await bench.until_told({"c1": "ann"})
    assert len(bench.link._former) <= 1


async def test_without_redis_everything_is_told_when_it_is_back() -> None:
    tasks = Tasks()
    bench = Bench(tasks)
    bench.redis.failing = True
    await bench.link.start()
    bench.link.connected("c1", "ann")
    bench.link.connected("c2", "bob")
    bench.link.disconnected("c2", "bob")
    await asyncio.sleep(0.05)
    assert bench.service.updates == []
    bench.redis.failing = False
    await bench.until_told({"c1": "ann"})
    await bench.link.stop()
    await tasks.cancel_all()


async def test_stopping_ends_the_lease_at_once(bench: Bench) -> None:
    bench.link.connected("c1", "ann")
    await bench.until_told({"c1": "ann"})
    await bench.link.stop()
    assert bench.redis.keys == set()


async def test_a_watcher_gets_the_answer_then_news_and_a_second_one_what_is_known(bench: Bench) -> None:
    bench.link.watch("c1", ["ann"])
    await bench.until_told({}, {"ann"})
    await eventually(lambda: _true(bench.delivered == [("c1", "ann", "online")]), "the answer", 3)
    bench.link.watch("c2", ["ann"])
    assert bench.delivered[1:] == [("c2", "ann", "online")]
    bench.link.on_notice(PresenceChanged([Presence("ann", "away", "", None)], 1_000))
    assert sorted(bench.delivered[2:]) == [("c1", "ann", "away"), ("c2", "ann", "away")]
    bench.link.on_notice(PresenceChanged([online("ann")], 999))
    assert len(bench.delivered) == 4


async def test_the_service_is_told_to_stop_watching_when_nobody_looks_for_a_while(bench: Bench) -> None:
    bench.link.connected("c1", "me")
    bench.link.watch("c1", ["ann", "bob"])
    await bench.until_told({"c1": "me"}, {"ann", "bob"})
    bench.link.watch("c1", ["bob"])
    await bench.until_told({"c1": "me"}, {"bob"})
    bench.link.disconnected("c1", "me")
    await bench.until_told({}, set())


async def test_a_connection_that_never_began_ends_without_a_word(bench: Bench) -> None:
    await bench.until_told({})
    bench.link.disconnected("c9", "ann")
    bench.link.connected("c1", "bob")
    await bench.until_told({"c1": "bob"})
    assert all(not each.disconnected for each in bench.service.updates)


async def test_a_status_goes_through_and_a_refusal_comes_back(bench: Bench) -> None:
    await bench.link.set_status("ann", "busy", "writing")
    assert bench.service.statuses == [SetStatus("ann", "busy", "writing")]


async def _true(fact: bool) -> bool:
    return fact
