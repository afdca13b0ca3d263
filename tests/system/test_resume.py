"""A client that was away gets exactly what it missed, or is told that it was too much."""

import asyncio

import pytest

from tests.support.client import Account, Socket
from tests.system.conftest import World
from warren.contracts.limits import PENDING_SENDS, RESUME_EVENTS


async def say(socket: Socket, room: str, count: int) -> int:
    """Say something so many times; the last `seq`."""
    last = 0
    for begun in range(0, count, PENDING_SENDS):
        size = min(PENDING_SENDS, count - begun)
        acks = await asyncio.gather(*(socket.send(room, f"message {begun + number}") for number in range(size)))
        last = max(ack["seq"] for ack in acks)
    return last


async def away(world: World) -> tuple[Account, Account, str, int]:
    """Ada and Bob in a room, of which Bob has everything up to a `seq` and then goes away."""
    ada, bob = await world.people("ada", "bob")
    room = await ada.group(bob)
    bobs = await world.online(bob, gateway=0)
    adas = await world.online(ada)
    has = (await adas.send(room, "Before you go."))["seq"]
    await bobs.op("event", room=room, seq=has)
    bobs.cut()
    return ada, bob, room, has


@pytest.mark.parametrize("gateway", [0, 2])
async def test_a_client_gets_exactly_what_it_missed_from_its_own_and_from_another_gateway(
    world: World, gateway: int
) -> None:
    ada, bob, room, has = await away(world)
    missed = await say(await world.online(ada), room, 10)
    back = await world.online(bob, {room: has}, gateway=gateway)
    live = (await (await world.online(ada)).send(room, "You are back."))["seq"]
    await back.op("event", room=room, seq=live)
    assert [event["seq"] for event in back.events(room)] == list(range(has + 1, missed + 2))


async def test_a_client_that_does_not_name_a_room_starts_at_its_head(world: World) -> None:
    ada, bob, room, _ = await away(world)
    adas = await world.online(ada)
    head = await say(adas, room, 3)
    back = await world.online(bob, gateway=1)
    assert (await back.op("ready"))["rooms"] == {room: head}
    live = (await adas.send(room, "From here on."))["seq"]
    await back.op("event", room=room, seq=live)
    assert [event["seq"] for event in back.events(room)] == [head + 1]


async def test_a_client_that_missed_as_much_as_allowed_resumes_and_one_more_is_a_reset(world: World) -> None:
    ada, bob, room, has = await away(world)
    adas = await world.online(ada)
    head = await say(adas, room, RESUME_EVENTS)
    assert head == has + RESUME_EVENTS
    for gateway in (0, 1):
        back = await world.online(bob, {room: has}, gateway=gateway)
        await back.op("event", room=room, seq=head)
        assert [event["seq"] for event in back.events(room)] == list(range(has + 1, head + 1))

    head = await say(adas, room, 1)
    late = await world.online(bob, {room: has}, gateway=0)
    assert await late.op("reset") == {"op": "reset", "room": room, "head": head}
    live = (await adas.send(room, "Load the rest from history."))["seq"]
    await late.op("event", room=room, seq=live)
    assert [event["seq"] for event in late.events(room)] == [live]
    page = await bob.ok("GET", f"/rooms/{room}/messages", after=has, limit=200)
    assert [message["seq"] for message in page["messages"]] == list(range(has + 1, has + 201))


async def test_a_client_that_finds_a_gap_gets_the_rest_by_sync(world: World) -> None:
    ada, bob, room, has = await away(world)
    head = await say(await world.online(ada), room, 5)
    back = await world.online(bob)
    back.say(op="sync", room=room, after=has)
    await back.op("event", room=room, seq=head)
    assert [event["seq"] for event in back.events(room)] == list(range(has + 1, head + 1))
