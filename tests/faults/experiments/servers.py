"""RabbitMQ, Redis and Consul go away and come back."""

from tests.faults.experiment import Act, Experiment, Scene, Since


def killing(program: str) -> Act:
    async def kill(scene: Scene) -> None:
        await scene.stack_call(scene.stack.kill, program)

    return kill


def freezing(program: str) -> tuple[Act, Act]:
    """SIGSTOP: its connections stay, and nothing comes on them. And its end."""

    async def freeze(scene: Scene) -> None:
        await scene.stack_call(scene.stack.freeze, program)

    async def thaw(scene: Scene) -> None:
        await scene.stack_call(scene.stack.thaw, program)

    return freeze, thaw


async def stop_rabbitmq(scene: Scene) -> None:
    await scene.stack_call(scene.stack.stop, "rabbitmq")


async def start_rabbitmq(scene: Scene) -> None:
    await scene.stack_call(scene.stack.start, "rabbitmq")


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
    Experiment(
        "freeze-rabbitmq",
        "SIGSTOP of RabbitMQ for 10 s",
        *freezing("rabbitmq"),
        hold=10,
        limit=15,
        since=Since.HEAL,
    ),
    Experiment("kill-redis", "kill -9 of Redis, which starts again", killing("redis"), limit=10),
    Experiment("freeze-redis", "SIGSTOP of Redis for 10 s", *freezing("redis"), hold=10, limit=10, since=Since.HEAL),
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
