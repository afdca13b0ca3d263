"""Owners of rooms die or freeze, and the services beside them die."""

import asyncio

from tests.faults.experiment import Experiment, Scene, Since
from tests.support.stack import metric

WRITES = "warren_writes_total"
LOOK_SECONDS = 1.0


async def busiest_owner(scene: Scene) -> str:
    """The messaging instance that writes the most just now."""
    urls: dict[str, str] = {
        name: scene.stack.url(name) for name in await scene.stack_call(scene.stack.ids, "messaging")
    }
    before = [await scene.stack_call(metric, url, WRITES) for url in urls.values()]
    await asyncio.sleep(LOOK_SECONDS)
    after = [await scene.stack_call(metric, url, WRITES) for url in urls.values()]
    wrote = {name: new - old for name, old, new in zip(urls, before, after, strict=True)}
    return max(wrote, key=lambda name: wrote[name])


async def find_owner(scene: Scene) -> None:
    scene.kept["owner"] = await busiest_owner(scene)


async def kill_owner(scene: Scene) -> None:
    await scene.stack_call(scene.stack.kill, scene.kept["owner"])


async def freeze_owner(scene: Scene) -> None:
    await scene.stack_call(scene.stack.freeze, scene.kept["owner"])


async def thaw_owner(scene: Scene) -> None:
    await scene.stack_call(scene.stack.thaw, scene.kept["owner"])


async def kill_auth(scene: Scene) -> None:
    for name in await scene.stack_call(scene.stack.ids, "auth"):
        await scene.stack_call(scene.stack.kill, name)


async def kill_presence(scene: Scene) -> None:
    for name in await scene.stack_call(scene.stack.ids, "presence"):
        await scene.stack_call(scene.stack.kill, name)


EXPERIMENTS = [
    Experiment(
        "kill-messaging", "kill -9 of the messaging instance that owns the rooms", kill_owner, look=find_owner, limit=3
    ),
    Experiment(
        "freeze-owner",
        "SIGSTOP of the owner for 20 s; it wakes up deposed",
        freeze_owner,
        thaw_owner,
        look=find_owner,
        hold=20,
        limit=15,
        since=Since.BEGIN,
    ),
    Experiment("kill-auth", "kill -9 of every auth instance", kill_auth, limit=5),
    Experiment("kill-presence", "kill -9 of every presence instance", kill_presence, limit=5),
]
