"""The messaging service, put together in reading order."""

from services.messaging.canaries import PartitionCanaries
from services.messaging.queries.history import HistoryQueries
from services.messaging.queries.rooms import RoomQueries
from services.messaging.rooms.cache import RoomCache
from services.messaging.rooms.consumer import PartitionConsumer
from services.messaging.rooms.dead_letters import DeadLetters
from services.messaging.rooms.fanout import Fanout
from services.messaging.rooms.listeners import Listeners
from services.messaging.rooms.notices import Notices
from services.messaging.rooms.owner import Owner
from services.messaging.rpc import answer_queries
from services.messaging.settings import MessagingSettings
from services.messaging.store.indexes import Indexes
from services.messaging.store.log import RoomLog
from services.messaging.store.members import Projections
from warren.chassis.clock import wall_clock
from warren.chassis.instance import Instance
from warren.chassis.mongo import Mongo
from warren.chassis.redis import RedisClient
from warren.contracts.events import PartitionTaken
from warren.contracts.ids import new_id, partition_of

OWNER_HEARTBEAT_SECONDS = 4
"""Shorter than elsewhere: the broker waits for two to three of these before it gives a frozen owner's rooms away."""


async def serve(settings: MessagingSettings) -> int:
    """Run one instance until it is told to stop. Returns the exit code."""
    base = Instance("messaging", settings, heartbeat_seconds=OWNER_HEARTBEAT_SECONDS)
    mongo = Mongo(settings.mongodb_uri, settings.server_id)
    redis = RedisClient(settings.redis_url, settings.server_id)
    log, projections = RoomLog(mongo), Projections(mongo)

    rpc = base.rpc_server()
    answer_queries(rpc, RoomQueries(log, projections), HistoryQueries(log, projections))

    listeners = Listeners(redis.client)
    cache = RoomCache(log, projections, listeners)
    consumer = PartitionConsumer(settings.server_id, settings.room_partitions, spread=settings.room_spread)
    fanout = Fanout(f"{settings.server_id}.{new_id()}")
    notices, dead_letters = Notices(), DeadLetters()
    owner = Owner(
        consumer=consumer,
        cache=cache,
        store=log,
        projections=projections,
        listeners=listeners,
        fanout=fanout,
        notify=notices.send,
        put_aside=dead_letters.put_aside,
        clock=wall_clock,
        tasks=base.tasks,
    )
    fanout.on_gone = owner.gateway_gone

    def moved(partition: int) -> None:
        cache.doubt(lambda room: partition_of(room, settings.room_partitions) == partition)
        owner.disowned(partition)

    def taken(notice: PartitionTaken) -> None:
        if notice.source != fanout.source:
            moved(notice.partition)

    canaries = PartitionCanaries(
        settings.server_id, settings.room_partitions, base.tasks, on_moved=moved, on_taken=taken
    )
    for hook in (fanout.open, notices.open, dead_letters.open, consumer.consume, canaries.open):
        base.broker.on_connect(hook)
    base.broker.on_lost(owner.connection_lost)

    base.check("mongodb", mongo.check)
    base.check("redis", redis.check)
    base.check("partitions", canaries.check)
    base.health.tell("rooms", lambda: f"{len(cache)} in memory, {consumer.waiting} command batches waiting")
    return await base.run([mongo, redis, Indexes(mongo)], [owner, canaries, rpc])
