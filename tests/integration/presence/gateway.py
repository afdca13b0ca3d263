"""A gateway reduced to its presence: the link, a broker connection, a queue for notices."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.gateway.presence import PresenceLink, Timing
from tests.support.spaces import Space
from tests.support.waiting import eventually
from warren.chassis.broker import Broker, Link
from warren.chassis.channel import Delivery, declare
from warren.chassis.lifecycle import Tasks
from warren.chassis.redis import RedisClient
from warren.chassis.rpc_client import RpcClient
from warren.contracts.codec import decode
from warren.contracts.events import NOTICE_TYPE, AnyNotice, PresenceChanged
from warren.contracts.ids import new_id
from warren.contracts.presence import GET_PRESENCE, GetPresence
from warren.contracts.rest import Presence
from warren.contracts.topology import Queue, gateway_queue

TIMING = Timing(lease=1.0, refresh=0.2, linger=0.2, retry=0.3)


class TestGateway:
    """`seen`: every status that each connection was told of each user, in order."""

    __test__ = False

    def __init__(self, space: Space, name: str) -> None:
        self.incarnation = f"{name}-{new_id()}"
        self.tasks = Tasks()
        self.broker = Broker(space.rabbitmq_url, self.incarnation, self.tasks)
        self.redis = RedisClient(space.redis_url, self.incarnation)
        self.rpc = RpcClient(self.broker)
        self.lives = 0
        self.seen: dict[tuple[str, str], list[str]] = {}
        self.notices = 0
        self.link = PresenceLink(
            incarnation=self.incarnation,
            queue="",
            redis=self.redis.client,
            rpc=self.rpc,
            tasks=self.tasks,
            deliver=self._deliver,
            timing=TIMING,
        )
        self.broker.on_connect(self._listen)

    async def start(self) -> None:
        await self.broker.start()
        await self.link.start()

    async def stop(self) -> None:
        await self.link.stop()
        await self.die()

    async def die(self) -> None:
        """Without a word, as a killed process."""
        await self.tasks.cancel(*self.link._running)
        await self.broker.stop()
        await self.redis.stop()
        await self.tasks.cancel_all()

    async def lose_broker(self) -> None:
        """The connection breaks; the broker makes another."""
        assert self.broker._link is not None
        await self.broker._link.close()

    async def until_told(self, connection: str, user: str, status: str, seconds: float = 10) -> None:
        async def told() -> bool:
            return self.seen.get((connection, user), [""])[-1] == status

        await eventually(told, f"{connection} is told that {user} is {status}; {self.seen}", seconds)

    async def status(self, user: str) -> str:
        return (await self.rpc.call(GET_PRESENCE, GetPresence([user]))).presences[0].status

    async def until_status(self, user: str, status: str, seconds: float = 10) -> None:
        async def so() -> bool:
            return await self.status(user) == status

        await eventually(so, f"{user} is {status}", seconds)

    async def _listen(self, link: Link) -> None:
        self.lives += 1
        queue: Queue = gateway_queue(f"{self.incarnation}.{self.lives}")
        channel = await link.channel()
        await declare(channel, queue)
        await channel.basic_consume(queue.name, self._on_notice, no_ack=True)
        self.link.moved(queue.name)

    async def _on_notice(self, delivery: Delivery) -> None:
        assert delivery.header.properties.message_type == NOTICE_TYPE
        self.notices += 1
        notice: object = decode(delivery.body, AnyNotice)  # type: ignore[arg-type]  # a union is no class
        assert isinstance(notice, PresenceChanged)
        self.link.on_notice(notice)

    def _deliver(self, connection: str, news: list[Presence]) -> None:
        for each in news:
            self.seen.setdefault((connection, each.user), []).append(each.status)


@asynccontextmanager
async def gateway(space: Space, name: str) -> AsyncIterator[TestGateway]:
    made = TestGateway(space, name)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()
