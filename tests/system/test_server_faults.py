"""What Warren stands on fails while people chat."""

import asyncio

import httpx

from tests.support.client import new_nonce
from tests.support.owner import owner_among, writes
from tests.support.waiting import eventually
from tests.system.conftest import World
from warren.contracts.rooms import listeners_key

FAILOVER_SECONDS = 30.0


async def test_a_killed_database_primary_loses_nothing(world: World) -> None:
    async with await world.chat(*(gateway.ws for gateway in world.stack.gateways)) as chat:
        await chat.flows(10)
        killed = await asyncio.to_thread(world.stack.mongo_primary)
        world.stack.kill(killed)
        await chat.flows(FAILOVER_SECONDS)
    await world.stack.ready()


async def test_a_restart_of_the_broker_loses_nothing_and_keeps_every_socket(world: World) -> None:
    async with await world.chat(*(gateway.ws for gateway in world.stack.gateways)) as chat:
        await chat.flows(10)
        await asyncio.to_thread(world.stack.stop, "rabbitmq")
        world.stack.start("rabbitmq")
        await chat.flows(2 * FAILOVER_SECONDS)
        assert [len(chatter.servers) for chatter in chat.chatters] == [1, 1, 1], "nobody had to connect again"
    await world.stack.ready()


async def test_an_emptied_redis_signs_nobody_out_and_events_go_on_even_when_rooms_change_hands(world: World) -> None:
    before = await writes(world.stack)
    async with await world.chat(*(gateway.ws for gateway in world.stack.gateways)) as chat:
        await chat.flows(10)
        owner = await owner_among(world.stack, before)
        account, room = chat.chatters[0].account, chat.chatters[0].room
        with world.stack.redis() as redis:
            known = redis.smembers(listeners_key(room))
            assert len(known) == len(world.stack.gateways)
            redis.flushall()
            assert (await account.ok("GET", "/auth/me"))["id"] == account.id
            await world.online(account, gateway=1)
            await chat.flows(5)

            async def all_listen() -> bool:
                return bool(redis.smembers(listeners_key(room)) == known)

            await eventually(all_listen, "all gateways are in Redis again", 10)
        world.stack.kill(owner)
        await chat.flows(5)
    await world.stack.ready()


async def test_an_instance_without_its_dependency_waits_says_so_and_becomes_ready_when_it_comes(world: World) -> None:
    stack, instance = world.stack, "messaging-2"
    ada = await world.person("ada")
    room = await ada.group()
    log = stack.run_dir / "logs" / f"{instance}.log"
    stack.stop("redis")
    try:
        pid = stack.kill(instance)
        async with httpx.AsyncClient(base_url=stack.url(instance), trust_env=False, timeout=5) as ops:

            async def waits() -> bool:
                try:
                    answer = await ops.get("/health/ready")
                except httpx.TransportError:
                    return False  # its process is just starting
                checks = answer.json()["checks"]
                assert answer.status_code == 503
                assert not checks["instance"]["ok"] and "waiting" in checks["instance"]["text"]
                assert checks["redis"]["ok"] is False
                return "ConnectionError" in checks["redis"]["text"] and checks["mongodb"]["ok"] is True

            async def tells() -> bool:
                return "Redis is not there yet" in log.read_text()

            await eventually(waits, f"{instance} says that it waits for Redis", 20)
            await eventually(tells, f"{instance} logs that it waits for Redis", 20)
            assert (await ops.get("/health/live")).status_code == 200
            assert stack.pid(instance) != pid
            waiting = stack.pid(instance)
    finally:
        stack.start("redis")
    await stack.ready()
    assert stack.pid(instance) == waiting, "it waited in one process, it did not die and start again"
    message = {"nonce": new_nonce(), "body": "All is well again."}
    await ada.ok("POST", f"/rooms/{room}/messages", message)
