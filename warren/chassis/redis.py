"""Redis: a client that waits for its server."""

import asyncio

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import RedisError

from warren.chassis.telemetry import get_logger

log = get_logger("redis")


class RedisClient:
    """`client` answers str, gives up on a silent server after 2 s and reconnects by itself."""

    def __init__(self, url: str, server_id: str) -> None:
        self.client: Redis = Redis.from_url(
            url,
            client_name=server_id,
            decode_responses=True,
            socket_timeout=2,
            socket_connect_timeout=2,
            health_check_interval=10,
            max_connections=64,
            retry=Retry(ExponentialWithJitterBackoff(cap=0.5, base=0.05), retries=2),
        )

    async def start(self) -> None:
        while True:
            try:
                await self.check()
            except (RedisError, OSError) as error:
                log.warning("Redis is not there yet; trying again", error=str(error)[:200])
                await asyncio.sleep(0.5)
            else:
                log.info("connected to Redis")
                return

    async def check(self) -> str:
        """For the health report."""
        await self.client.ping()
        return "answers"

    async def stop(self) -> None:
        await self.client.aclose()
