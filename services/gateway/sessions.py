"""Who is asking? Checks access tokens: the signature here, the session in Redis, or with auth when Redis cannot say."""

import asyncio
import time
from collections.abc import Callable

import jwt
import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from warren.chassis.rpc_client import RpcClient
from warren.chassis.telemetry import get_logger
from warren.chassis.together import Together
from warren.contracts.auth import AUDIENCE, CHECK_SESSION, ISSUER, AccessClaims, CheckSession, session_key
from warren.contracts.errors import Code, Refusal

REDIS_SECONDS = 0.5
"""A Redis that does not answer in this time is passed over: auth knows too."""

TOKEN_CHARACTERS = 4096
log = get_logger("sessions")


class Session(msgspec.Struct, frozen=True):
    """A living session. `expires_at`: when the session (not the token) ends, in seconds since 1970."""

    user: str
    session: str
    expires_at: int


class Sessions:
    def __init__(self, jwt_secret: str, redis: Redis, rpc: RpcClient, now: Callable[[], float] = time.time) -> None:
        self._secret = jwt_secret
        self._redis = redis
        self._together = Together(self._read, keys=100)
        self._rpc = rpc
        self._now = now

    async def authenticate(self, access_token: str) -> Session:
        """The session of a token. Raises Refusal: unauthenticated, token_expired, session_revoked, unavailable."""
        claims = read_claims(self._secret, access_token)
        live = await self._in_redis(claims)
        if live is None:
            state = await self._rpc.call(CHECK_SESSION, CheckSession(claims.sub, claims.sid))
            live = Session(state.user, state.session, state.expires_at)
        if live.user != claims.sub or live.expires_at <= self._now():
            raise Refusal(Code.SESSION_REVOKED, "This session has ended; sign in again.")
        return live

    async def _in_redis(self, claims: AccessClaims) -> Session | None:
        try:
            fields = await self._together.of(claims.sid)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("Redis cannot say whether a session lives; asking auth", error=repr(error))
            return None
        if "user" not in fields or "expires_at" not in fields:
            return None
        return Session(fields["user"], claims.sid, int(fields["expires_at"]))

    async def _read(self, sessions: list[str]) -> dict[str, dict[str, str]]:
        """With a connection each, a storm ran out of connections and asked auth instead."""
        pipeline = self._redis.pipeline(transaction=False)
        for session in sessions:
            pipeline.hgetall(session_key(session))
        async with asyncio.timeout(REDIS_SECONDS):
            found: list[dict[str, str]] = await pipeline.execute()
        return dict(zip(sessions, found, strict=True))


def read_claims(secret: str, access_token: str) -> AccessClaims:
    """The claims of a token that auth signed and that has not expired. Raises Refusal."""
    if len(access_token) > TOKEN_CHARACTERS:
        raise _not_ours()
    try:
        claims = jwt.decode(
            access_token,
            secret,
            algorithms=["HS256"],
            issuer=ISSUER,
            audience=AUDIENCE,
            # `iat` is not compared: the clock of the instance that signed may be ahead of ours.
            options={"require": ["sub", "sid", "jti", "exp", "iat", "iss", "aud", "typ"], "verify_iat": False},
        )
        known = msgspec.convert(claims, AccessClaims)
    except jwt.ExpiredSignatureError as error:
        raise Refusal(Code.TOKEN_EXPIRED, "The access token has expired; refresh it.") from error
    except (jwt.InvalidTokenError, msgspec.ValidationError, ValueError) as error:
        raise _not_ours() from error
    if known.typ != "access":
        raise _not_ours()
    return known


def _not_ours() -> Refusal:
    return Refusal(Code.UNAUTHENTICATED, "The access token is not valid; sign in.")
