"""A node of a RabbitMQ cluster dies. Only on Compose: `python -m tests.faults.cluster`."""

import asyncio
import re
from collections import Counter

from tests.faults.compose_stack import NODES, ComposeStack
from tests.faults.experiment import Experiment, Scene, Since
from tests.support.waiting import eventually

COPIES_SECONDS = 60.0
PARTITION = re.compile(r"messaging\.rooms\.\d+")


def _stack(scene: Scene) -> ComposeStack:
    assert isinstance(scene.stack, ComposeStack)
    return scene.stack


async def copied(scene: Scene) -> None:
    """Every quorum queue has its copy on each node: only then may one die."""

    async def all_copied() -> bool:
        queues = await asyncio.to_thread(_stack(scene).queues)
        copies = [len(queue.get("online", ())) for queue in queues if queue.get("type") == "quorum"]
        return bool(copies) and min(copies) == len(NODES)

    await eventually(all_copied, f"every quorum queue has {len(NODES)} copies", COPIES_SECONDS)


async def choose_node(scene: Scene) -> None:
    """With odd seeds the one that leads the most queues of commands to rooms, with even ones another."""
    queues = await asyncio.to_thread(_stack(scene).queues)
    leads = Counter(node_of(queue["leader"]) for queue in queues if PARTITION.fullmatch(queue["name"]))
    leader = leads.most_common(1)[0][0]
    others = [node for node in NODES if node != leader]
    scene.kept["node"] = leader if scene.load.plan.seed % 2 else scene.chance.choice(others)
    scene.say(f"{scene.kept['node']} is to die; queues of commands are led by {dict(leads)}")


def node_of(name: str) -> str:
    """rabbit@rabbitmq-1 is the service `rabbitmq`, rabbit@rabbitmq-2 is `rabbitmq-2`."""
    host = name.partition("@")[2]
    return NODES[0] if host == "rabbitmq-1" else host


async def kill_node(scene: Scene) -> None:
    await scene.stack_call(scene.stack.kill, scene.kept["node"])


async def start_node(scene: Scene) -> None:
    await scene.stack_call(scene.stack.start, scene.kept["node"])


EXPERIMENTS = [
    Experiment(
        "kill-broker-node",
        "on Compose, kill -9 of one node of a three-node RabbitMQ cluster, which starts again after 20 s",
        kill_node,
        start_node,
        prepare=copied,
        look=choose_node,
        hold=20,
        limit=15,
        since=Since.DONE,
    )
]
