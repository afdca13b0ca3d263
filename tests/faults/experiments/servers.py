"""RabbitMQ, MongoDB, Redis and Consul go away and come back."""

import signal

from tests.faults.experiment import Act, Experiment, Scene, Since


def killing(program: str) -> Act:
    async def kill(scene: Scene) -> None:
        await scene.stack_call(scene.stack.kill, program)

    return kill


async def stop_rabbitmq(scene: Scene) -> None:
    await scene.stack_call(scene.stack.stop, "rabbitmq")


async def start_rabbitmq(scene: Scene) -> None:
    await scene.stack_call(scene.stack.start, "rabbitmq")


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


async def freeze_majority(scene: Scene) -> None:
    """The primary does not notice for ten seconds, and must not acknowledge alone meanwhile."""
    _, secondaries = await scene.stack_call(_members, scene)
    scene.kept["frozen"] = secondaries
    for name in secondaries:
        await scene.stack_call(scene.stack.signal, name, signal.SIGSTOP)
    scene.quorum(False)


async def thaw_majority(scene: Scene) -> None:
    scene.quorum(True)
    for name in scene.kept["frozen"]:
        await scene.stack_call(scene.stack.signal, name, signal.SIGCONT)


def _flush(scene: Scene) -> None:
    with scene.stack.redis() as redis:
        redis.flushall()


async def flush_redis(scene: Scene) -> None:
    await scene.stack_call(_flush, scene)


async def stop_consul(scene: Scene) -> None:
    await scene.stack_call(scene.stack.stop, "consul")


async def start_consul(scene: Scene) -> None:
    await scene.stack_call(scene.stack.start, "consul")


EXPERIMENTS = [
    Experiment("kill-rabbitmq", "kill -9 of RabbitMQ, which starts again", killing("rabbitmq"), limit=15),
    Experiment(
        "stop-rabbitmq",
        "RabbitMQ is stopped in good order for 5 s",
        stop_rabbitmq,
        start_rabbitmq,
        hold=5,
        limit=15,
        since=Since.HEAL,
    ),
    Experiment("kill-mongo-primary", "kill -9 of the MongoDB primary", kill_primary, limit=15),
    Experiment(
        "lose-quorum",
        "two of three MongoDB members freeze for 8 s",
        freeze_majority,
        thaw_majority,
        hold=8,
        limit=15,
        since=Since.HEAL,
    ),
    Experiment("kill-redis", "kill -9 of Redis, which starts again", killing("redis"), limit=10),
    Experiment("flush-redis", "everything in Redis is gone", flush_redis, limit=10),
    Experiment(
        "stop-consul",
        "Consul is away for a minute",
        stop_consul,
        start_consul,
        hold=60,
        limit=5,
        since=Since.BEGIN,
    ),
]
