"""Gateways die, are cut from the broker, or lose what it sends them."""

from tests.faults.behind_proxy import start_gateway, stop_gateway, the_proxy
from tests.faults.experiment import Experiment, Scene, Since

EVERY = 5
"""One of so many event deliveries is lost."""


async def kill_gateway(scene: Scene) -> None:
    gateway = scene.chance.choice(scene.stack.gateways).id
    await scene.stack_call(scene.stack.kill, gateway)


async def cut(scene: Scene) -> None:
    the_proxy(scene).cut()


async def join(scene: Scene) -> None:
    the_proxy(scene).join()


async def lose(scene: Scene) -> None:
    the_proxy(scene).lose_every = EVERY


async def lose_no_more(scene: Scene) -> None:
    the_proxy(scene).lose_every = 0


async def go_silent(scene: Scene) -> None:
    the_proxy(scene).freeze()


async def go_on(scene: Scene) -> None:
    the_proxy(scene).thaw()


EXPERIMENTS = [
    Experiment("kill-gateway", "kill -9 of a gateway", kill_gateway, limit=5),
    Experiment(
        "cut-gateway-from-broker",
        "a gateway's connection to RabbitMQ is closed and refused for 10 s",
        cut,
        join,
        prepare=start_gateway,
        clear=stop_gateway,
        hold=10,
        since=Since.HEAL,
        limit=15,
    ),
    Experiment(
        "silence-gateway-to-broker",
        "nothing passes between a gateway and RabbitMQ for 30 s, and nobody is told",
        go_silent,
        go_on,
        prepare=start_gateway,
        clear=stop_gateway,
        hold=30,
        since=Since.HEAL,
        limit=15,
    ),
    Experiment(
        "lose-gateway-events",
        f"one of {EVERY} messages to a gateway is lost for 10 s: events, answers and all",
        lose,
        lose_no_more,
        prepare=start_gateway,
        clear=stop_gateway,
        hold=10,
        since=Since.HEAL,
        limit=15,
    ),
]
