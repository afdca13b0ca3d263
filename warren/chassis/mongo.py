"""MongoDB: a client that waits for its server, with the write concern that the promises need."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import AsyncMongoClient, ReadPreference
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from warren.chassis.mongo_inserts import Inserts
from warren.chassis.telemetry import get_logger

SELECT_MS = 5_000
WRITE_MS = 10_000
SOCKET_MS = 20_000
log = get_logger("mongo")
Document = dict[str, object]


class Mongo:
    """Writes wait for a majority's journals (P1), reads see only what a majority has."""

    def __init__(self, uri: str, server_id: str) -> None:
        self._client: AsyncMongoClient[Document] = AsyncMongoClient(
            uri,
            appname=server_id,
            serverSelectionTimeoutMS=SELECT_MS,
            connectTimeoutMS=3_000,
            socketTimeoutMS=SOCKET_MS,
            heartbeatFrequencyMS=2_000,
            maxPoolSize=32,
            tz_aware=True,
            connect=False,
        )
        self.database: AsyncDatabase[Document] = self._client.get_default_database("warren").with_options(
            write_concern=WriteConcern("majority", j=True, wtimeout=WRITE_MS),
            read_concern=ReadConcern("majority"),
            read_preference=ReadPreference.PRIMARY,
        )
        self._inserts = Inserts(self._client, SOCKET_MS / 1_000)

    async def start(self) -> None:
        """Wait until there is a primary."""
        while True:
            try:
                await self.check()
            except PyMongoError as error:
                log.warning("MongoDB has no primary yet; trying again", error=str(error)[:200])
                await asyncio.sleep(0.5)
            else:
                log.info("connected to MongoDB")
                return

    async def check(self) -> str:
        """For the health report."""
        answer = await self.database.client.admin.command("hello")
        if not answer.get("isWritablePrimary"):
            raise ConnectionError("no primary")
        return f"primary {answer.get('me', 'standalone')} of {len(answer.get('hosts', ['']))} members"

    async def insert(self, collection: AsyncCollection[Any], documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """See `Inserts.insert`."""
        return await self._inserts.insert(collection, documents)

    async def stop(self) -> None:
        await self._inserts.stop()
        await self._client.close()
