"""What operators do: restarts, scaling, starting everything in no particular order."""

import asyncio

from tests.faults.experiment import Experiment, Scene, Since
from tests.support.waiting import eventually

SERVICES = ("auth", "presence", "messaging", "gateway")
SERVERS = ("rabbitmq", "mongo-1", "mongo-2", "mongo-3", "redis", "consul", "nginx")
PAUSE_SECONDS = 1.0
CLIENTS_EACH = 3
MOVE_SECONDS = 20.0


async def rolling_restart(scene: Scene) -> None:
    for service in SERVICES:
        await scene.stack_call(scene.stack.deploy, "restart", service)


async def scale(scene: Scene) -> None:
    """The new gateways get clients, and carry what these say, before they go again."""
    await scene.stack_call(scene.stack.deploy, "scale", "gateway=5", "messaging=3")
    known = {gateway.id for gateway in scene.stack.gateways}
    status = await scene.stack_call(scene.stack.status)
    new = [one for one in status["instances"] if one["service"] == "gateway" and one["id"] not in known]
    assert new, "scaling up made no gateway"
    chosen = scene.chance.sample(scene.load.devices, CLIENTS_EACH * len(new))
    for number, device in enumerate(chosen):
        gateway = new[number % len(new)]
        device.move(f"ws://{gateway['address']}:{gateway['socket_port']}/ws")
    servers = {one["id"] for one in new}

    async def moved() -> bool:
        return all(device.ready.is_set() and device.server in servers for device in chosen)

    async def answered() -> bool:
        return not any(device.pending for device in chosen)

    await eventually(moved, "clients have come to the new gateways", MOVE_SECONDS)
    for device in chosen:
        scene.load.say_something(device)
    await eventually(answered, "what was said at the new gateways is acknowledged", MOVE_SECONDS)
    await scene.stack_call(scene.stack.deploy, "scale", "gateway=3", "messaging=2")


async def stop_all(scene: Scene) -> None:
    instances = [name for service in SERVICES for name in await scene.stack_call(scene.stack.ids, service)]
    scene.kept["programs"] = [*instances, *SERVERS]
    await scene.stack_call(scene.stack.stop, *scene.kept["programs"])


async def start_in_any_order(scene: Scene) -> None:
    programs = list(scene.kept["programs"])
    scene.chance.shuffle(programs)
    for name in programs:
        await scene.stack_call(scene.stack.start, name)
        await asyncio.sleep(PAUSE_SECONDS)


EXPERIMENTS = [
    Experiment(
        "rolling-restart",
        "every instance of every service restarts in turn",
        rolling_restart,
        limit=5,
        since=Since.DONE,
    ),
    Experiment("scale", "gateways 3 to 5 to 3, messaging 2 to 3 to 2", scale, limit=5, since=Since.DONE),
    Experiment(
        "start-in-any-order",
        "everything stops, and starts one by one in a random order, with what it needs absent",
        stop_all,
        start_in_any_order,
        hold=1,
        limit=60,
        since=Since.HEAL,
    ),
]
