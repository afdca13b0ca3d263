"""Builds every object once, in reading order, and runs them."""

from services.presence.changes import Changes
from services.presence.directory import Directory
from services.presence.leases import Leases
from services.presence.rpc import answer_all
from services.presence.settings import PresenceSettings
from services.presence.sweeper import Sweeper
from warren.chassis.instance import Instance
from warren.chassis.redis import RedisClient


async def serve(settings: PresenceSettings) -> int:
    grace_ms = int(settings.presence_grace_seconds * 1000)
    base = Instance("presence", settings)
    redis = RedisClient(settings.redis_url, settings.server_id)
    leases = Leases(redis.client)
    changes = Changes(leases, base.broker, base.tasks, grace_ms)
    sweeper = Sweeper(leases, base.tasks, grace_ms)
    rpc = base.rpc_server()
    answer_all(rpc, Directory(leases, grace_ms))
    base.check("redis", redis.check)
    base.health.tell("presence", changes.figure)
    return await base.run([redis], [sweeper, changes, rpc])
