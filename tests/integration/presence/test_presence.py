"""Who is online, through two instances, RabbitMQ and Redis: told in time, right after every failure."""

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator
from functools import partial

import httpx
import pytest

from tests.conftest import StartProgram
from tests.integration.presence.gateway import TestGateway, gateway
from tests.support.processes import Program
from tests.support.spaces import Space
from tests.support.waiting import eventually
from warren.contracts.errors import Code, Refusal
from warren.contracts.ids import new_id
from warren.contracts.presence import GET_PRESENCE, GetPresence

GRACE = 0.6


@pytest.fixture(scope="module", autouse=True)
def instances(start: StartProgram) -> list[Program]:
    """Two, as in a cluster: each call may meet either."""
    return [start("presence", PRESENCE_GRACE_SECONDS=str(GRACE)) for _ in range(2)]


@pytest.fixture
async def here(space: Space) -> AsyncIterator[TestGateway]:
    async with gateway(space, "here") as made:
        yield made


@pytest.fixture
async def there(space: Space) -> AsyncIterator[TestGateway]:
    async with gateway(space, "there") as made:
        yield made


@pytest.fixture
def user() -> str:
    return f"user-{new_id()}"


async def test_a_watcher_on_another_gateway_is_told_within_two_seconds(
    here: TestGateway, there: TestGateway, user: str
) -> None:
    here.link.watch("watcher", [user])
    await here.until_told("watcher", user, "offline")
    before = time.monotonic()
    there.link.connected(new_id(), user)
    await here.until_told("watcher", user, "online", seconds=2)
    assert time.monotonic() - before < 2


async def test_a_reconnect_within_the_grace_is_not_seen_and_a_departure_is(
    here: TestGateway, there: TestGateway, user: str
) -> None:
    there.link.connected("c1" + user, user)
    await there.until_status(user, "online")
    here.link.watch("watcher", [user])
    await here.until_told("watcher", user, "online")
    there.link.disconnected("c1" + user, user)
    here.link.connected("c2" + user, user)
    here.link.disconnected("c2" + user, user)
    there.link.connected("c3" + user, user)
    await there.until_status(user, "online")
    there.link.disconnected("c3" + user, user)
    await here.until_told("watcher", user, "offline")
    assert here.seen["watcher", user] == ["online", "offline"]


async def test_users_of_a_dead_gateway_fall_offline_and_their_watchers_are_told(
    space: Space, here: TestGateway, user: str
) -> None:
    dying = TestGateway(space, "dying")
    await dying.start()
    both = f"both-{user}"
    dying.link.connected("c1" + user, user)
    dying.link.connected("c2" + user, both)
    here.link.connected("c3" + user, both)
    await dying.until_status(both, "online")
    here.link.watch("watcher", [user, both])
    await here.until_told("watcher", user, "online")
    await here.until_told("watcher", both, "online")
    await dying.die()
    await here.until_told("watcher", user, "offline")
    assert here.seen["watcher", both] == ["online"]
    assert await here.status(both) == "online"


async def test_a_gateway_that_stops_takes_its_users_offline_after_the_grace(
    space: Space, here: TestGateway, user: str
) -> None:
    async with gateway(space, "stopping") as stopping:
        stopping.link.connected("c1" + user, user)
        here.link.watch("watcher", [user])
        await here.until_told("watcher", user, "online")
    assert await here.status(user) == "online"
    await here.until_told("watcher", user, "offline", seconds=4)


async def test_what_a_redis_flush_loses_comes_back_by_itself(
    space: Space, here: TestGateway, there: TestGateway, user: str
) -> None:
    there.link.connected("c1" + user, user)
    here.link.watch("watcher", [user])
    await here.until_told("watcher", user, "online")
    with space.redis() as redis:
        redis.flushdb()
    assert await here.status(user) in ("offline", "online")  # an answer, not an error
    await here.until_status(user, "online")
    await here.until_told("watcher", user, "online")
    there.link.disconnected("c1" + user, user)
    await here.until_told("watcher", user, "offline")


async def test_after_the_broker_connection_broke_news_arrive_in_the_new_queue(
    here: TestGateway, there: TestGateway, user: str
) -> None:
    there.link.connected("c1" + user, user)
    here.link.connected("c2" + user, f"me-{user}")
    here.link.watch("watcher", [user])
    await here.until_told("watcher", user, "online")
    await here.lose_broker()
    there.link.disconnected("c1" + user, user)
    await here.until_told("watcher", user, "offline")
    await there.until_status(f"me-{user}", "online")
    assert here.lives == 2


async def test_a_gateway_whose_queue_is_gone_loses_its_watches(space: Space, here: TestGateway, user: str) -> None:
    gone = TestGateway(space, "gone")
    await gone.start()
    gone.link.watch("watcher", [user])
    await gone.until_told("watcher", user, "offline")
    await gone.broker.stop()  # and Redis still has its lease
    with space.redis() as redis:
        assert redis.exists(f"presence:watchers:{user}")
        here.link.connected("c1" + user, user)

        async def dropped() -> bool:
            return not redis.exists(f"presence:watchers:{user}")

        await eventually(dropped, "the watches are dropped")
    await gone.die()


async def test_invisible_looks_like_offline_and_back(here: TestGateway, there: TestGateway, user: str) -> None:
    there.link.connected("c1" + user, user)
    here.link.watch("watcher", [user])
    await here.until_told("watcher", user, "online")
    await there.link.set_status(user, "invisible")
    await here.until_told("watcher", user, "offline", seconds=2)
    await there.link.set_status(user, "busy", "writing")
    await here.until_told("watcher", user, "busy", seconds=2)
    seen = (await here.rpc.call(GET_PRESENCE, GetPresence([user]))).presences[0]
    assert (seen.status, seen.text, seen.last_seen) == ("busy", "writing", None)


async def test_what_is_wrong_with_a_question_is_said(here: TestGateway, user: str) -> None:
    for work in (
        here.link.set_status(user, "asleep"),
        here.link.set_status(user, "busy", "x" * 129),
        here.rpc.call(GET_PRESENCE, GetPresence(["u"] * 1001)),
    ):
        with pytest.raises(Refusal) as caught:
            await work
        assert caught.value.code is Code.VALIDATION_FAILED


async def test_many_users_cost_few_notices(here: TestGateway, there: TestGateway, user: str) -> None:
    users = [f"{user}-{number}" for number in range(1000)]
    here.link.watch("watcher", users)
    await here.until_told("watcher", users[-1], "offline")
    before = here.notices
    for each in users:
        there.link.connected(new_id(), each)
    for each in users:
        await here.until_told("watcher", each, "online", seconds=3)
    assert here.notices - before <= 10


async def test_two_instances_agree_after_a_storm_and_the_death_of_one(
    here: TestGateway, there: TestGateway, instances: list[Program], user: str
) -> None:
    dice = random.Random(11)
    users = [f"{user}-{number}" for number in range(10)]
    here.link.watch("watcher", users)
    names = (f"{user}-c{number}" for number in itertools.count())
    live: dict[TestGateway, dict[str, str]] = {here: {}, there: {}}
    for step in range(400):
        at = dice.choice((here, there))
        mine = live[at]
        if mine and dice.random() < 0.55:
            connection = dice.choice(sorted(mine))
            at.link.disconnected(connection, mine.pop(connection))
        else:
            connection = next(names)
            mine[connection] = dice.choice(users)
            at.link.connected(connection, mine[connection])
        if step == 200:
            instances[0].kill()
        await asyncio.sleep(0.002)
    online = {each for mine in live.values() for each in mine.values()}
    for each in users:
        expected = "online" if each in online else "offline"
        await here.until_status(each, expected)
        await here.until_told("watcher", each, expected)
    instances[0].start()
    instances[0].wait_ready()


async def test_while_redis_is_away_calls_are_refused_and_everything_is_right_when_it_is_back(
    space: Space, here: TestGateway, there: TestGateway, instances: list[Program], user: str
) -> None:
    there.link.connected("c1" + user, user)
    here.link.watch("watcher", [user])
    await here.until_told("watcher", user, "online")
    space.servers.control("stop", "redis")
    try:
        with pytest.raises(Refusal) as caught:
            await here.status(user)
        assert caught.value.code in (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED)
        there.link.disconnected("c1" + user, user)
        there.link.connected("c2" + user, f"new-{user}")
        for each in instances:
            await eventually(partial(_answers, each, 503), "an instance says that it is not ready")
    finally:
        space.servers.control("start", "redis")
    await here.until_told("watcher", user, "offline", seconds=20)
    await here.until_status(f"new-{user}", "online", seconds=20)
    for each in instances:
        await asyncio.to_thread(each.wait_ready)


def test_an_instance_stops_when_it_is_asked_to(start: StartProgram) -> None:
    assert start("presence").stop() == 0


async def _answers(instance: Program, status: int) -> bool:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"{instance.url}/health/ready")).status_code == status
