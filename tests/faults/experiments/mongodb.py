"""Members of MongoDB's replica set die, freeze, or hand over."""

import signal
from typing import Any

from pymongo import MongoClient

from tests.faults.experiment import Experiment, Scene, Since

STEPPED_DOWN_SECONDS = 20
"""The former primary is not elected again meanwhile."""


def _members(scene: Scene) -> tuple[str, list[str]]:
    """The primary's program, and the secondaries'."""
    with scene.stack.mongo() as client:
        hello = client.admin.command("hello")
    ports = sorted(int(host.rpartition(":")[2]) for host in hello["hosts"])
    names = {port: f"mongo-{number}" for number, port in enumerate(ports, 1)}
    primary = names[int(hello["primary"].rpartition(":")[2])]
    return primary, [name for name in names.values() if name != primary]


async def kill_primary(scene: Scene) -> None:
    primary, _ = await scene.stack_call(_members, scene)
    await scene.stack_call(scene.stack.kill, primary)


async def freeze_primary(scene: Scene) -> None:
    """It keeps its connections, and answers nothing on them."""
    primary, _ = await scene.stack_call(_members, scene)
    scene.kept["frozen"] = [primary]
    await scene.stack_call(scene.stack.signal, primary, signal.SIGSTOP)


async def freeze_majority(scene: Scene) -> None:
    """The primary does not notice for ten seconds, and must not acknowledge alone meanwhile."""
    _, secondaries = await scene.stack_call(_members, scene)
    scene.kept["frozen"] = secondaries
    for name in secondaries:
        await scene.stack_call(scene.stack.signal, name, signal.SIGSTOP)
    scene.quorum(False)


async def thaw(scene: Scene) -> None:
    for name in scene.kept["frozen"]:
        await scene.stack_call(scene.stack.signal, name, signal.SIGCONT)


async def thaw_majority(scene: Scene) -> None:
    scene.quorum(True)
    await thaw(scene)


def _step_down(scene: Scene) -> None:
    """As the member itself: Warren's own user may not."""
    with scene.stack.mongo() as client:
        primary = client.admin.command("hello")["primary"]
    member: MongoClient[dict[str, Any]] = MongoClient(
        primary,
        directConnection=True,
        username="__system",
        password=scene.stack.secret("mongo-key"),
        authSource="local",
        authMechanism="SCRAM-SHA-256",
    )
    with member:
        member.admin.command("replSetStepDown", STEPPED_DOWN_SECONDS)


async def step_down_primary(scene: Scene) -> None:
    """It stays, and says to each write that another one is primary now."""
    await scene.stack_call(_step_down, scene)


EXPERIMENTS = [
    Experiment("kill-mongo-primary", "kill -9 of the MongoDB primary", kill_primary, limit=15),
    Experiment(
        "step-down-mongo-primary", "the MongoDB primary hands over to another member", step_down_primary, limit=15
    ),
    Experiment(
        "freeze-mongo-primary",
        "SIGSTOP of the MongoDB primary for 20 s; it wakes up deposed",
        freeze_primary,
        thaw,
        hold=20,
        limit=15,
        since=Since.BEGIN,
    ),
    Experiment(
        "lose-quorum",
        "two of three MongoDB members freeze for 8 s",
        freeze_majority,
        thaw_majority,
        hold=8,
        limit=15,
        since=Since.HEAL,
    ),
]
