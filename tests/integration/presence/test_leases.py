"""The scripts in Redis: right when two instances work at once, and nothing left behind."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator

import pytest

from services.presence.engine import view
from services.presence.leases import Leases, Look, Outcome
from tests.support.spaces import Space
from tests.support.waiting import eventually
from warren.chassis.redis import RedisClient
from warren.contracts.errors import Code, Refusal
from warren.contracts.presence import Connected, Update, lease_key

GRACE_MS = 100


class Table:
    """Two instances' `Leases` on one Redis, and a gateway's hand on its lease."""

    def __init__(self, redis: RedisClient, other: RedisClient) -> None:
        self.redis = redis.client
        self.one, self.two = Leases(redis.client), Leases(other.client)

    async def lease(self, name: str) -> str:
        await self.redis.set(lease_key(name), "test")
        return name

    async def end(self, lease: str) -> None:
        await self.redis.delete(lease_key(lease))

    async def status(self, user: str) -> str:
        snapshot = await self.one.facts([user])
        return view(snapshot.facts[0], snapshot.leases, snapshot.now, GRACE_MS).presence.status

    async def last_seen(self, user: str) -> str | None:
        snapshot = await self.one.facts([user])
        return view(snapshot.facts[0], snapshot.leases, snapshot.now, GRACE_MS).presence.last_seen

    async def until(self, user: str, status: str) -> None:
        async def seen() -> bool:
            return await self.status(user) == status

        await eventually(seen, f"{user} is {status}", 3)

    async def sweep(self) -> None:
        while await self.one.sweep(GRACE_MS, 100):
            pass


@pytest.fixture
async def table(space: Space) -> AsyncIterator[Table]:
    clients = [RedisClient(space.redis_url, "test"), RedisClient(space.redis_url, "test-2")]
    await clients[0].client.flushdb()
    yield Table(*clients)
    for client in clients:
        await client.stop()


def connect(lease: str, number: int, **users: str) -> Update:
    return Update(lease, f"q-{lease}", number, connected=[Connected(*pair) for pair in users.items()])


def disconnect(lease: str, number: int, **users: str) -> Update:
    return Update(lease, f"q-{lease}", number, disconnected=[Connected(*pair) for pair in users.items()])


async def test_a_user_is_online_from_the_first_connection_until_the_grace_after_the_last(table: Table) -> None:
    lease = await table.lease("g1")
    await table.one.update(connect(lease, 1, c1="ann", c2="ann"))
    await table.two.update(disconnect(lease, 2, c1="ann"))
    assert await table.status("ann") == "online"
    await table.one.update(disconnect(lease, 3, c2="ann"))
    assert await table.status("ann") == "online"
    await table.until("ann", "offline")
    assert await table.last_seen("ann") is not None


async def test_a_late_repetition_does_not_bring_back_what_has_ended(table: Table) -> None:
    lease = await table.lease("g1")
    begun = connect(lease, 2, c1="ann")
    for update in (connect(lease, 1), begun, disconnect(lease, 3, c1="ann")):
        assert await table.one.update(update) is Outcome.DONE
    assert await table.two.update(begun) is Outcome.STALE
    assert (await table.one.facts(["ann"])).facts[0].entries == []


async def test_the_same_update_again_is_done_again(table: Table) -> None:
    lease = await table.lease("g1")
    for _ in range(3):
        assert await table.one.update(connect(lease, 1, c1="ann")) is Outcome.DONE
    assert (await table.one.facts(["ann"])).facts[0].entries == [lease]


async def test_a_lease_that_is_not_known_or_missed_an_update_is_lost(table: Table) -> None:
    assert await table.one.update(connect("never-opened", 1, c1="ann")) is Outcome.LOST
    lease = await table.lease("g1")
    assert await table.one.update(connect(lease, 2, c1="ann")) is Outcome.LOST
    assert await table.one.update(connect(lease, 1)) is Outcome.DONE
    assert await table.one.update(connect(lease, 3, c1="ann")) is Outcome.LOST
    await table.redis.flushdb()
    assert await table.one.update(connect(lease, 2, c1="ann")) is Outcome.LOST
    assert await table.status("ann") == "offline"


async def test_a_lease_that_ended_is_never_revived(table: Table) -> None:
    lease = await table.lease("g1")
    await table.one.update(connect(lease, 1, c1="ann"))
    await table.end(lease)
    await table.sweep()
    await table.lease("g1")
    assert await table.one.update(connect(lease, 2, c2="ann")) is Outcome.LOST
    await table.until("ann", "offline")


async def test_when_a_lease_ends_its_users_fall_offline_after_the_grace_and_nothing_is_left(table: Table) -> None:
    dead, alive = await table.lease("dead"), await table.lease("alive")
    users = {f"c{number}": f"u{number}" for number in range(500)}
    await table.one.update(connect(dead, 1, **users))
    await table.one.update(Update(dead, "q", 2, watch=["u1", "u2"]))
    await table.one.update(connect(alive, 1, other="u7"))
    await table.end(dead)
    await asyncio.gather(table.one.sweep(GRACE_MS, 1000), table.two.sweep(GRACE_MS, 1000))
    assert await table.status("u1") == "online"
    await table.until("u1", "offline")

    async def swept() -> bool:
        await asyncio.gather(table.one.sweep(GRACE_MS, 100), table.two.sweep(GRACE_MS, 100))
        return not [key async for key in table.redis.scan_iter("*dead*")]

    await eventually(swept, "nothing is left of the lease", 5)
    left = {key async for key in table.redis.scan_iter("presence:*")}
    assert not [key for key in left if key.startswith(("presence:watchers:", "presence:watched:"))]
    assert [key for key in left if key.startswith("presence:entries:")] == ["presence:entries:u7"]
    assert await table.status("u7") == "online"
    assert await table.last_seen("u1") is not None


async def test_who_reconnects_elsewhere_within_the_grace_is_online_all_along(table: Table) -> None:
    dead, alive = await table.lease("dead"), await table.lease("alive")
    await table.one.update(connect(dead, 1, c1="ann"))
    await table.end(dead)
    await table.sweep()
    await table.two.update(connect(alive, 1, c2="ann"))

    async def swept() -> bool:
        assert await table.status("ann") == "online"
        await table.sweep()
        return not await table.redis.sismember("presence:leases", "dead")

    await eventually(swept, "the dead lease is gone", 5)
    assert await table.status("ann") == "online"


async def test_a_deaf_gateway_loses_its_watches_and_keeps_its_connections(table: Table) -> None:
    lease = await table.lease("g1")
    await table.one.update(Update(lease, "q", 1, connected=[Connected("c1", "ann")], watch=["bob"]))
    assert await table.one.watchers(["bob"]) == ({"bob": [lease]}, {lease: "q"})
    await table.one.deaf([lease])
    assert await table.one.watchers(["bob"]) == ({"bob": []}, {})
    await table.sweep()
    assert not await table.redis.exists("presence:watchers:bob", f"presence:watched:{lease}")
    assert await table.status("ann") == "online"
    assert await table.one.update(connect(lease, 2)) is Outcome.LOST


async def test_a_user_that_is_due_is_claimed_by_one_instance(table: Table) -> None:
    lease = await table.lease("g1")
    await table.one.update(connect(lease, 1, **{f"c{number}": f"u{number}" for number in range(40)}))
    claims = await asyncio.gather(*(each.claim(10) for _ in range(3) for each in (table.one, table.two)))
    claimed = [facts.user for _, snapshot in claims for facts in snapshot.facts]
    assert sorted(claimed) == sorted(f"u{number}" for number in range(40))


async def test_a_claim_that_is_not_settled_runs_out(table: Table) -> None:
    lease = await table.lease("g1")
    await table.one.update(connect(lease, 1, c1="ann"))
    await table.one.claim(10, claim_us=20_000)

    async def due_again() -> bool:
        return bool((await table.two.claim(10))[1].facts)

    await eventually(due_again, "another instance gets it", 3)


async def test_a_settled_user_is_looked_at_again_when_told_to_and_not_before(table: Table) -> None:
    lease = await table.lease("g1")
    await table.one.update(connect(lease, 1, c1="ann"))
    claim, snapshot = await table.one.claim(10)
    await table.one.settle(claim, [Look("ann", "online\n", snapshot.now + 50)])
    assert (await table.two.claim(10))[1].facts == []

    async def due() -> bool:
        found = (await table.two.claim(10))[1]
        assert not found.facts or found.now >= snapshot.now + 50
        return [(each.user, each.told) for each in found.facts] == [("ann", "online\n")]

    await eventually(due, "ann is due", 3)


async def test_a_change_during_a_look_is_looked_at_and_told_whatever_was_told(table: Table) -> None:
    lease = await table.lease("g1")
    await table.one.update(connect(lease, 1, c1="ann"))
    claim, _ = await table.one.claim(10)
    await table.two.update(disconnect(lease, 2, c1="ann"))
    await table.one.settle(claim, [Look("ann", "online\n", None)])
    _, again = await table.two.claim(10)
    assert [each.user for each in again.facts] == ["ann"]
    assert again.facts[0].told == "unsure"


async def test_a_hidden_user_leaves_no_new_last_seen(table: Table) -> None:
    lease = await table.lease("g1")
    await table.one.set_status("ann", "invisible", None)
    await table.one.update(connect(lease, 1, c1="ann"))
    assert await table.status("ann") == "offline"
    await table.one.update(disconnect(lease, 2, c1="ann"))
    assert await table.last_seen("ann") is None
    await table.one.update(connect(lease, 3, c2="bob"))
    await table.one.set_status("bob", "invisible", None)
    seen = await table.last_seen("bob")
    assert seen is not None  # the moment they hid, when others saw them leave
    await table.one.update(disconnect(lease, 4, c2="bob"))
    assert await table.last_seen("bob") == seen


async def test_a_status_text_stays_until_it_is_replaced(table: Table) -> None:
    await table.one.set_status("ann", "busy", "writing")
    await table.one.set_status("ann", "away", None)
    assert (await table.one.facts(["ann"])).facts[0].text == "writing"
    await table.one.set_status("ann", "away", "")
    assert (await table.one.facts(["ann"])).facts[0].text == ""


async def test_random_histories_of_two_gateways_through_two_instances_end_in_what_is_connected(table: Table) -> None:
    dice = random.Random(7)
    connections: dict[str, dict[str, str]] = {"g1": {}, "g2": {}}
    names = (f"c{number}" for number in itertools.count())

    async def live(gateway: str) -> None:
        lease, mine = await table.lease(gateway), connections[gateway]
        for number in range(1, 120):
            ending = dice.sample(sorted(mine), k=min(3, len(mine) - 5)) if len(mine) > 8 else []
            begun = {next(names): f"u{dice.randrange(8)}" for _ in range(dice.randrange(4))}
            update = connect(lease, number, **begun)
            update.disconnected = [Connected(connection, mine.pop(connection)) for connection in ending]
            mine.update(begun)
            for again in range(dice.choice((1, 1, 2))):  # some are repeated, through the other instance
                assert await (table.one if (number + again) % 2 else table.two).update(update) is Outcome.DONE

    await asyncio.gather(live("g1"), live("g2"))
    online = {user for mine in connections.values() for user in mine.values()}
    for user in (f"u{number}" for number in range(8)):
        entries = (await table.one.facts([user])).facts[0].entries
        assert sorted(entries) == sorted(g for g, mine in connections.items() for each in mine.values() if each == user)
        await table.until(user, "online" if user in online else "offline")


async def test_without_redis_every_step_is_refused_as_unavailable() -> None:
    nowhere = RedisClient("redis://127.0.0.1:1/0", "test")
    with pytest.raises(Refusal) as caught:
        await Leases(nowhere.client).facts(["ann"])
    assert caught.value.code is Code.UNAVAILABLE
    await nowhere.stop()
