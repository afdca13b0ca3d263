"""The table from contract to function."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from pymongo.errors import ConnectionFailure, ExecutionTimeout, PyMongoError, WaitQueueTimeoutError, WTimeoutError
from redis.exceptions import RedisError

from services.auth.accounts import Accounts
from services.auth.sessions import Sessions
from warren.chassis.rpc_server import RpcServer
from warren.chassis.telemetry import get_logger
from warren.contracts import auth
from warren.contracts.errors import Code, Refusal

log = get_logger("rpc")
Q = TypeVar("Q", bound=msgspec.Struct)
R = TypeVar("R", bound=msgspec.Struct)
_AWAY = (ConnectionFailure, ExecutionTimeout, WTimeoutError, WaitQueueTimeoutError, RedisError)


def answer_all(rpc: RpcServer, accounts: Accounts, sessions: Sessions) -> None:
    rpc.answer(auth.REGISTER, guarded(accounts.register))
    rpc.answer(auth.LOGIN, guarded(accounts.login))
    rpc.answer(auth.REFRESH, guarded(accounts.refresh))
    rpc.answer(auth.LOGOUT, guarded(sessions.logout))
    rpc.answer(auth.CHECK_SESSION, guarded(sessions.check))
    rpc.answer(auth.GET_USER, guarded(accounts.get_user))
    rpc.answer(auth.GET_USERS, guarded(accounts.get_users))
    rpc.answer(auth.FIND_USERS, guarded(accounts.find_users))


def guarded(handler: Callable[[Q], Awaitable[R]]) -> Callable[[Q], Awaitable[R]]:
    """A database that is away is `unavailable`, which callers may retry; other database errors are ours: `internal`."""

    async def answer(request: Q) -> R:
        try:
            return await handler(request)
        except (PyMongoError, RedisError) as error:
            if not isinstance(error, _AWAY) and not getattr(error, "has_error_label", _no_label)("RetryableWriteError"):
                raise
            log.warning("a database is away", error=str(error)[:200])
            raise Refusal(
                Code.UNAVAILABLE, "The accounts' database cannot be reached; try again.", retry_after_ms=1000
            ) from error

    return answer


def _no_label(_label: str) -> bool:
    return False
