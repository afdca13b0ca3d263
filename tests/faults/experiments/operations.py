"""What operators do: restarts, scaling, starting everything in no particular order."""

import asyncio

from tests.faults.experiment import Experiment, Scene, Since

SERVICES = ("auth", "presence", "messaging", "gateway")
SERVERS = ("rabbitmq", "mongo-1", "mongo-2", "mongo-3", "redis", "consul", "nginx")
PAUSE_SECONDS = 1.0


async def rolling_restart(scene: Scene) -> None:
    for service in SERVICES:
        await scene.stack_call(scene.stack.deploy, "restart", service)


async def scale(scene: Scene) -> None:
    await scene.stack_call(scene.stack.deploy, "scale", "gateway=5", "messaging=3")
    await asyncio.sleep(5)
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
