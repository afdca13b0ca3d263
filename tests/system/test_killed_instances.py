"""Instances die or freeze while people chat: nothing acknowledged is lost or comes twice, and it goes on in seconds."""

import asyncio

from tests.support.client import new_nonce
from tests.support.owner import owner_among, writes
from tests.system.conftest import World

GOES_ON_SECONDS = 5.0
DEPOSED_SECONDS = 45.0
"""The broker notices a silent peer after two to three heartbeats."""


async def test_a_killed_gateway_costs_its_clients_a_reconnect_and_nobody_a_message(world: World) -> None:
    ws = world.stack.ws
    async with await world.chat(ws, ws, ws, ws) as chat:
        await chat.flows(10)
        killed = chat.chatters[0].server
        hit = [chatter for chatter in chat.chatters if chatter.server == killed]
        others = [chatter for chatter in chat.chatters if chatter.server != killed]
        pid = world.stack.kill(killed)
        assert await chat.flows(GOES_ON_SECONDS, others) < GOES_ON_SECONDS
        await chat.flows(GOES_ON_SECONDS, hit)
        assert all(chatter.server != killed for chatter in hit), "they reconnect at another gateway"
        await world.stack.back(killed, pid)
        await chat.flows(GOES_ON_SECONDS)
    assert chat.longest_wait < GOES_ON_SECONDS


async def test_a_killed_owner_of_rooms_is_replaced_and_every_acknowledged_message_is_there_once(world: World) -> None:
    before = await writes(world.stack)
    async with await world.chat(*(gateway.ws for gateway in world.stack.gateways)) as chat:
        await chat.flows(10)
        owner = await owner_among(world.stack, before)
        pid = world.stack.kill(owner)
        await chat.flows(GOES_ON_SECONDS)
        await world.stack.back(owner, pid)
        await chat.flows(GOES_ON_SECONDS)
    assert chat.longest_wait < GOES_ON_SECONDS


async def test_the_same_nonce_makes_one_message_also_after_its_owner_was_killed(world: World) -> None:
    ada = await world.person("ada")
    room = await ada.group()
    before = await writes(world.stack)
    socket = await world.online(ada, gateway=0)
    nonce = new_nonce()
    first = await socket.send(room, "Did you get this?", nonce)
    owner = await owner_among(world.stack, before)
    world.stack.kill(owner)
    again = await (await world.online(ada, gateway=1)).send(room, "Did you get this?", nonce)
    assert (again["op"], again["seq"], again["at"]) == ("ack", first["seq"], first["at"])
    body = {"nonce": nonce, "body": "Did you get this?"}
    answer = await world.at(ada, 2).call("POST", f"/rooms/{room}/messages", body)
    assert (answer.status_code, answer.json()["seq"]) == (200, first["seq"])
    assert (await socket.send(room, "And this?"))["seq"] == first["seq"] + 1
    await world.stack.ready()


async def test_a_deposed_owner_that_wakes_up_writes_nothing_twice_and_leaves_no_gap(world: World) -> None:
    """Frozen, not dead: after some missed heartbeats the broker gives its rooms to another, which it does not know.

    Without a pause, so that it is in the middle of a write when it freezes, with more to write.
    """
    before, urls = await writes(world.stack), [gateway.ws for gateway in world.stack.gateways]
    async with await world.chat(*urls, pause=0) as chat:
        await chat.flows(10)
        owner = await owner_among(world.stack, before)
        world.stack.freeze(owner)
        try:
            await chat.flows(DEPOSED_SECONDS)
        finally:
            world.stack.thaw(owner)
        await chat.flows(10, messages=20)
    await world.stack.ready()


async def test_instances_that_are_restarted_in_turn_hold_nobody_up(world: World) -> None:
    ws = world.stack.ws
    async with await world.chat(ws, ws, ws) as chat:
        await chat.flows(10)
        await asyncio.to_thread(world.stack.deploy, "restart", "messaging")
        leaving = chat.chatters[0].server
        await asyncio.to_thread(world.stack.stop, leaving)
        await chat.flows(GOES_ON_SECONDS)
        world.stack.start(leaving)
    assert chat.longest_wait < GOES_ON_SECONDS
    await world.stack.ready()
