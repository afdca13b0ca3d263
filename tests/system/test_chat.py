"""Chatting through nginx and three gateways: what is said reaches everybody, once, in one order."""

import asyncio

import pytest

from tests.support.client import Account, Frame, Socket, new_nonce
from tests.system.conftest import World

GATEWAYS = (0, 1, 2)


def bodies(events: list[Frame]) -> list[str]:
    return [event["message"]["body"] for event in events if event["type"] == "message.created"]


async def up_to(sockets: list[Socket], room: str, seq: int) -> None:
    """Return when each socket has the event `seq` of a room."""
    await asyncio.gather(*(socket.op("event", room=room, seq=seq) for socket in sockets))


async def test_a_message_goes_from_one_socket_through_nginx_to_every_member(world: World) -> None:
    ada, bob, cyd = await world.people("ada", "bob", "cyd")
    room = await ada.group(bob, cyd)
    sockets = [await world.online(person) for person in (ada, bob, cyd)]
    ack = await sockets[0].send(room, "Good morning, everyone.")
    assert ack["op"] == "ack", ack
    for socket in sockets:
        event = await socket.op("event", room=room, seq=ack["seq"])
        assert event["type"] == "message.created"
        assert event["message"]["sender"] == ada.id
        assert event["message"]["body"] == "Good morning, everyone."
        assert event["message"]["at"] == ack["at"]


async def test_all_members_see_concurrent_messages_in_one_order_without_a_gap(world: World) -> None:
    people = await world.people("ada", "bob", "cyd")
    room = await people[0].group(*people[1:])
    sockets = [await world.online(person, gateway=gateway) for person, gateway in zip(people, GATEWAYS, strict=True)]

    async def say_all(name: str, socket: Socket) -> list[Frame]:
        return list(await asyncio.gather(*(socket.send(room, f"{name} {number}") for number in range(40))))

    acks = [ack for said in await asyncio.gather(*map(say_all, ("ada", "bob", "cyd"), sockets)) for ack in said]
    assert {ack["op"] for ack in acks} == {"ack"}
    last = max(ack["seq"] for ack in acks)
    await up_to(sockets, room, last)

    seen = [[event for event in socket.events(room) if event["seq"] <= last] for socket in sockets]
    assert seen[0] == seen[1] == seen[2]
    assert [event["seq"] for event in seen[0]] == list(range(last - 119, last + 1))
    for name in ("ada", "bob", "cyd"):
        mine = [body for body in bodies(seen[0]) if body.startswith(name)]
        assert mine == [f"{name} {number}" for number in range(40)], "a sender's order was not kept"


async def test_the_same_nonce_makes_one_message_whichever_door_and_gateway_it_comes_through(world: World) -> None:
    ada, bob = await world.people("ada", "bob")
    room = await ada.group(bob)
    listener = await world.online(bob)
    nonce, body = new_nonce(), {"body": "Once is enough."}
    sockets = [await world.online(ada, gateway=gateway) for gateway in GATEWAYS]
    seqs = [(await socket.send(room, body["body"], nonce))["seq"] for socket in sockets]
    answers = [
        await world.at(ada, gateway).call("POST", f"/rooms/{room}/messages", {"nonce": nonce, **body})
        for gateway in GATEWAYS
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert {*seqs, *(answer.json()["seq"] for answer in answers)} == {seqs[0]}

    end = await ada.ok("POST", f"/rooms/{room}/messages", {"nonce": new_nonce(), "body": "End."})
    assert end["seq"] == seqs[0] + 1
    await up_to([listener], room, end["seq"])
    assert bodies(listener.events(room)) == ["Once is enough.", "End."]


async def test_the_same_nonce_at_the_same_moment_on_all_gateways_makes_one_message(world: World) -> None:
    ada, bob = await world.people("ada", "bob")
    room = await ada.group(bob)
    nonce = new_nonce()
    answers = await asyncio.gather(
        *(
            world.at(ada, gateway).call("POST", f"/rooms/{room}/messages", {"nonce": nonce, "body": "One."})
            for gateway in GATEWAYS
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 200, 201]
    assert len({answer.json()["seq"] for answer in answers}) == 1


async def test_history_pages_and_unread_counts_follow_what_was_said_and_read(world: World) -> None:
    ada, bob = await world.people("ada", "bob")
    room = await ada.group(bob)
    socket = await world.online(ada)
    acks = [await socket.send(room, f"number {number}") for number in range(5)]

    newest = await bob.ok("GET", f"/rooms/{room}/messages", limit=2)
    assert [message["body"] for message in newest["messages"]] == ["number 3", "number 4"]
    older = await bob.ok("GET", f"/rooms/{room}/messages", before=newest["messages"][0]["seq"], limit=2)
    assert [message["body"] for message in older["messages"]] == ["number 1", "number 2"]
    later = await bob.ok("GET", f"/rooms/{room}/messages", after=acks[2]["seq"])
    assert [message["seq"] for message in later["messages"]] == [acks[3]["seq"], acks[4]["seq"]]

    assert await unread(bob, room) == 5
    bobs = await world.online(bob)
    bobs.say(op="read", room=room, seq=acks[2]["seq"])
    await socket.op("receipt", room=room, user=bob.id, seq=acks[2]["seq"])
    assert await unread(bob, room) == 2
    bobs.say(op="read", room=room, seq=acks[4]["seq"])
    await socket.op("receipt", seq=acks[4]["seq"])
    assert await unread(bob, room) == 0


async def unread(account: Account, room: str) -> int:
    rows = (await account.ok("GET", "/rooms"))["items"]
    return int(next(row["unread"] for row in rows if row["room"]["id"] == room))


async def test_the_direct_room_of_two_is_one_room_whoever_asks_and_when(world: World) -> None:
    ada, bob = await world.people("ada", "bob")

    async def ask(account: Account, other: Account, gateway: int) -> str:
        body = {"kind": "direct", "members": [other.id]}
        return str((await world.at(account, gateway).ok("POST", "/rooms", body))["id"])

    asked = [ask(ada, bob, gateway) for gateway in GATEWAYS] + [ask(bob, ada, gateway) for gateway in GATEWAYS]
    rooms = set(await asyncio.gather(*asked))
    assert len(rooms) == 1
    room = rooms.pop()
    assert await ask(bob, ada, 0) == room
    members = await ada.ok("GET", f"/rooms/{room}/members")
    assert {member["user_id"] for member in members["items"]} == {ada.id, bob.id}

    sockets = [await world.online(person, gateway=gateway) for person, gateway in ((ada, 0), (bob, 1))]
    ack = await sockets[0].send(room, "Just the two of us.")
    await up_to(sockets, room, ack["seq"])


async def test_typing_and_receipts_reach_the_other_members_and_not_oneself(world: World) -> None:
    ada, bob = await world.people("ada", "bob")
    room = await ada.group(bob)
    adas, bobs = await world.online(ada, gateway=0), await world.online(bob, gateway=1)
    second_device = await world.online(ada, gateway=2)
    ack = await bobs.send(room, "Lunch?")
    adas.say(op="typing", room=room, on=True)
    assert await bobs.op("typing") == {"op": "typing", "room": room, "user": ada.id, "on": True}
    adas.say(op="typing", room=room, on=False)
    await bobs.op("typing", on=False)
    adas.say(op="read", room=room, seq=ack["seq"])
    assert await bobs.op("receipt") == {"op": "receipt", "room": room, "user": ada.id, "seq": ack["seq"]}
    assert await second_device.op("read") == {"op": "read", "room": room, "seq": ack["seq"]}
    assert not [frame for frame in adas.frames if frame["op"] in ("typing", "receipt")]


@pytest.mark.parametrize("gateway", GATEWAYS)
async def test_every_gateway_honours_a_session_of_any_other(world: World, gateway: int) -> None:
    ada = await world.person("ada")
    assert (await world.at(ada, gateway).ok("GET", "/auth/me"))["id"] == ada.id
    socket = await world.online(ada, gateway=gateway)
    ready = await socket.op("ready")
    assert (ready["user"], ready["server_id"]) == (ada.id, world.stack.gateways[gateway].id)
