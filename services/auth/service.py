"""Builds every object once, in reading order, and runs them."""

import asyncio

from pymongo.errors import PyMongoError

from services.auth.accounts import Accounts
from services.auth.notices import Notices
from services.auth.passwords import Passwords
from services.auth.revocations import Revocations
from services.auth.rpc import answer_all
from services.auth.session_records import SessionRecords
from services.auth.session_store import SessionStore
from services.auth.sessions import Sessions
from services.auth.settings import AuthSettings
from services.auth.store import AccountStore
from warren.chassis.clock import wall_clock
from warren.chassis.instance import Instance
from warren.chassis.mongo import Mongo
from warren.chassis.redis import RedisClient
from warren.chassis.telemetry import get_logger

log = get_logger("service")


class Indexes:
    """A part: makes the indexes before the first call comes, trying again while the database elects a primary."""

    def __init__(self, *stores: AccountStore | SessionRecords) -> None:
        self._stores = stores

    async def start(self) -> None:
        while True:
            try:
                for store in self._stores:
                    await store.ensure_indexes()
            except PyMongoError as error:
                log.warning("indexes cannot be made yet; trying again", error=str(error)[:200])
                await asyncio.sleep(0.5)
            else:
                return

    async def stop(self) -> None:
        """Nothing to undo."""


async def serve(settings: AuthSettings) -> int:
    base = Instance("auth", settings)
    mongo = Mongo(settings.mongodb_uri, settings.server_id)
    redis = RedisClient(settings.redis_url, settings.server_id)
    notices = Notices(base.broker)
    store = AccountStore(mongo)
    records = SessionRecords(mongo)
    live = SessionStore(redis.client)
    passwords = Passwords()
    revocations = Revocations(records, live, notices, wall_clock, base.tasks)
    sessions = Sessions(
        records, live, revocations, wall_clock, secret=settings.jwt_secret, life_seconds=settings.session_seconds
    )
    rpc = base.rpc_server()
    answer_all(rpc, Accounts(store, passwords, sessions, wall_clock), sessions)
    base.check("mongodb", mongo.check)
    base.check("redis", redis.check)
    return await base.run([mongo, Indexes(store, records), redis, passwords], [revocations, rpc])
