"""Who is online, as those see it who watch."""

import time

from tests.support.client import Account, Socket
from tests.system.conftest import World
from warren.contracts.presence import GRACE_SECONDS, LEASE_SECONDS


async def watching(world: World, *users: Account, gateway: int) -> Socket:
    socket = await world.online(await world.person("watcher"), gateway=gateway)
    socket.say(op="watch", users=[user.id for user in users])
    for user in users:
        await socket.op("presence", user=user.id)
    return socket


async def test_watchers_see_a_user_come_and_go(world: World) -> None:
    ada = await world.person("ada")
    watcher = await watching(world, ada, gateway=0)
    first = await watcher.op("presence", user=ada.id)
    assert (first["status"], first["last_seen"]) == ("offline", None)
    adas = await world.online(ada, gateway=1)
    await watcher.op("presence", user=ada.id, status="online")
    adas.say(op="status", status="busy", text="in a meeting")
    busy = await watcher.op("presence", user=ada.id, status="busy")
    assert busy["text"] == "in a meeting"

    known = len(watcher.frames)
    adas.cut()
    gone = await watcher.wait(
        lambda frame: frame in watcher.frames[known:] and frame["op"] == "presence" and frame["status"] == "offline",
        GRACE_SECONDS + 10,
    )
    assert gone["last_seen"] is not None
    page = await ada.ok("GET", "/presence", users=ada.id)
    assert page["items"][0]["status"] == "offline"


async def test_users_of_a_killed_gateway_fall_offline_unless_they_come_back(world: World) -> None:
    stays, returns = await world.people("stays", "returns")
    killed = world.stack.gateways[2]
    for account in (stays, returns):
        await world.online(account, gateway=2)
    watcher = await watching(world, stays, returns, gateway=0)
    for account in (stays, returns):
        await watcher.op("presence", user=account.id, status="online")

    pid, begun = world.stack.kill(killed.id), time.monotonic()
    await world.online(returns, gateway=1)
    await watcher.op("presence", LEASE_SECONDS + GRACE_SECONDS + 10, user=stays.id, status="offline")
    assert time.monotonic() - begun > GRACE_SECONDS, "no grace for a quick reconnect"
    flickers = [frame for frame in watcher.frames if frame["op"] == "presence" and frame["user"] == returns.id]
    assert [frame["status"] for frame in flickers] == ["online"]
    await world.stack.back(killed.id, pid)
