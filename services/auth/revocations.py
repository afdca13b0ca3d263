"""Tells Redis and the gateways that a session has ended, until they know.

The end is durable in MongoDB first, marked `untold`. The instance that ended it tells at once; when that fails or the
instance dies between, any instance finds the mark and tells. Telling twice is harmless.
"""

import asyncio

from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from services.auth.notices import Notices
from services.auth.session_records import SessionRecords
from services.auth.session_store import SessionStore
from warren.chassis.clock import Clock
from warren.chassis.lifecycle import Tasks
from warren.chassis.telemetry import get_logger
from warren.contracts.errors import Refusal
from warren.contracts.events import SessionRevoked

SWEEP_SECONDS = 2.0
LEFT_ALONE_MS = 1_000
SWEEP_SIZE = 500
log = get_logger("revocations")


class Revocations:
    def __init__(
        self, records: SessionRecords, store: SessionStore, notices: Notices, clock: Clock, tasks: Tasks
    ) -> None:
        self._records = records
        self._store = store
        self._notices = notices
        self._clock = clock
        self._tasks = tasks
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = self._tasks.spawn("revocations", self._sweep())

    async def stop(self) -> None:
        await self._tasks.cancel(self._task)

    async def tell(self, session: str, user: str) -> None:
        """Redis first: a gateway that hears the notice must not find the session alive."""
        try:
            await self._store.remove(session, user)
            await self._notices.send(SessionRevoked(user, [session]))
            await self._records.told(session)
        except (RedisError, Refusal, PyMongoError) as error:
            log.warning("a session's end could not be told; trying again", session=session, error=str(error))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                late = await self._records.untold(self._clock() - LEFT_ALONE_MS, SWEEP_SIZE)
            except PyMongoError as error:
                log.warning("cannot look for ended sessions", error=str(error)[:200])
                continue
            for record in late:
                await self.tell(record.id, record.user)
