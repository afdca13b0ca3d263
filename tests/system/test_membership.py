"""Who joins a room gets its events from then on, who leaves gets none any more."""

from tests.system.conftest import World


async def test_one_who_is_added_is_told_and_gets_the_events_from_there(world: World) -> None:
    ada, bob = await world.people("ada", "bob")
    room = await ada.group()
    adas, bobs = await world.online(ada, gateway=0), await world.online(bob, gateway=1)
    before = (await adas.send(room, "Bob must not see this."))["seq"]
    await ada.ok("PUT", f"/rooms/{room}/members/{bob.id}", {"role": "member"})
    notice = await bobs.op("notice")
    assert notice == {"op": "notice", "kind": "room_added", "room": room, "head": before}
    ack = await adas.send(room, "Welcome, Bob.")
    await bobs.op("event", room=room, seq=ack["seq"])
    joined, welcome = bobs.events(room)
    assert (joined["type"], joined["seq"], joined["user"]) == ("member.joined", before + 1, bob.id)
    assert (welcome["type"], welcome["seq"]) == ("message.created", ack["seq"])
    assert (await bobs.send(room, "Thank you."))["op"] == "ack"


async def test_one_who_is_removed_gets_the_news_and_then_silence(world: World) -> None:
    ada, bob, cyd = await world.people("ada", "bob", "cyd")
    room, other = await ada.group(bob, cyd), await ada.group(bob)
    adas = await world.online(ada, gateway=0)
    bobs = [await world.online(bob, gateway=gateway) for gateway in (0, 1)]
    await ada.ok("DELETE", f"/rooms/{room}/members/{bob.id}")
    for socket in bobs:
        await socket.op("event", room=room, type="member.left", user=bob.id)
    secret = await adas.send(room, "Is he gone?")
    adas.say(op="typing", room=room, on=True)
    proof = await adas.send(other, "What comes after the secret has arrived.")
    for socket in bobs:
        await socket.op("event", room=other, seq=proof["seq"])
        assert all(event["seq"] < secret["seq"] for event in socket.events(room))
        assert not [frame for frame in socket.frames if frame["op"] == "typing"]
    assert (await bobs[0].send(room, "Let me in!"))["code"] == "not_found"

    resumed = await world.online(bob, {room: secret["seq"] - 1})
    assert room not in (await resumed.op("ready"))["rooms"]
    bobs[0].say(op="sync", room=room, after=0)
    assert (await bobs[0].op("error"))["code"] == "not_found"


async def test_one_who_leaves_and_joins_again_is_not_given_what_was_said_between(world: World) -> None:
    ada, bob = await world.people("ada", "bob")
    room = await ada.group(bob, public=True)
    adas, bobs = await world.online(ada, gateway=0), await world.online(bob, gateway=1)
    has = (await adas.send(room, "See you."))["seq"]
    await bobs.op("event", room=room, seq=has)
    await bob.ok("POST", f"/rooms/{room}/leave")
    await bobs.op("event", room=room, type="member.left")
    between = (await adas.send(room, "While he is away."))["seq"]
    await bob.ok("POST", f"/rooms/{room}/join")
    await bobs.op("event", room=room, type="member.joined", user=bob.id)
    assert (await adas.send(room, "There you are."))["seq"] == between + 2
    await bobs.op("event", room=room, seq=between + 2)
    assert between not in [event["seq"] for event in bobs.events(room)]
