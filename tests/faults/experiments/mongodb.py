"""Members of MongoDB's replica set die, freeze, or hand over."""

from infra.mongo.replica_set import connect
from tests.faults.experiment import Experiment, Scene, Since

MEMBERS = {"mongo-1", "mongo-2", "mongo-3"}
STEPPED_DOWN_SECONDS = 20
"""The former primary is not elected again meanwhile."""


async def kill_primary(scene: Scene) -> None:
    primary = await scene.stack_call(scene.stack.mongo_primary)
    await scene.stack_call(scene.stack.kill, primary)


async def freeze_primary(scene: Scene) -> None:
    """It keeps its connections, and answers nothing on them."""
    primary = await scene.stack_call(scene.stack.mongo_primary)
    scene.kept["frozen"] = [primary]
    await scene.stack_call(scene.stack.freeze, primary)


async def freeze_majority(scene: Scene) -> None:
    """The primary does not notice for some seconds, and must not acknowledge alone meanwhile."""
    primary = await scene.stack_call(scene.stack.mongo_primary)
    secondaries = sorted(MEMBERS - {primary})
    scene.kept["frozen"] = secondaries
    for name in secondaries:
        await scene.stack_call(scene.stack.freeze, name)
    scene.quorum(False)


async def thaw(scene: Scene) -> None:
    for name in scene.kept["frozen"]:
        await scene.stack_call(scene.stack.thaw, name)


async def thaw_majority(scene: Scene) -> None:
    scene.quorum(True)
    await thaw(scene)


def _step_down(scene: Scene) -> None:
    with scene.stack.mongo() as client:
        primary = client.admin.command("hello")["primary"]
    with connect(primary, scene.stack.secret("mongo-key")) as member:
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
