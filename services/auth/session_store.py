"""Live sessions in Redis, where every gateway reads them. A cache: MongoDB has the truth."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.exceptions import TimeoutError as RedisTimeoutError

from services.auth.session_records import SessionRecord
from warren.contracts.auth import session_key

UNSURE_SECONDS = 30
"""Life of a rebuilt entry until it was made sure that the session did not end meanwhile."""


ANSWER_SECONDS = 0.5
"""A frozen Redis must not hold up a sign-in: MongoDB has it already."""


def user_sessions_key(user: str) -> str:
    """Redis set of the ids of a user's sessions; it may name some that have ended."""
    return f"user_sessions:{user}"


class SessionStore:
    """Raises redis.RedisError when Redis does not answer in time."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def put(self, record: SessionRecord, now_ms: int, *, unsure: bool = False) -> None:
        """Enter a session until its end, or, if it may end this moment, for UNSURE_SECONDS."""
        left = max(1, (record.expires_at - now_ms) // 1000)
        key, of_user = session_key(record.id), user_sessions_key(record.user)
        async with _in_time(), self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(key, mapping={"user": record.user, "expires_at": str(record.expires_at // 1000)})
            pipe.expire(key, min(left, UNSURE_SECONDS) if unsure else left)
            pipe.sadd(of_user, record.id)
            pipe.expire(of_user, left)
            await pipe.execute()

    async def keep(self, record: SessionRecord) -> None:
        """An unsure entry was right: let it live until the session's end."""
        async with _in_time():
            await self._redis.expireat(session_key(record.id), record.expires_at // 1000)

    async def remove(self, session: str, user: str) -> None:
        async with _in_time(), self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(session_key(session))
            pipe.srem(user_sessions_key(user), session)
            await pipe.execute()


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            yield
    except TimeoutError as error:
        raise RedisTimeoutError(f"no answer within {ANSWER_SECONDS} s") from error
