"""The connection that the log is written on: what becomes of it, and of a write, when its server goes."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from pymongo.errors import AutoReconnect, NetworkTimeout, OperationFailure, PyMongoError

from tests.support.spaces import Space
from tests.support.waiting import eventually
from warren.chassis import mongo_inserts
from warren.chassis.mongo import Mongo


class Way:
    """A TCP way to the database that can swallow answers, and end connections."""

    def __init__(self, host: str, port: int) -> None:
        self._far = (host, port)
        self.swallows = False
        self.opened = 0
        self.open: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        yield server.sockets[0].getsockname()[1]
        server.close()
        await self.cut()

    async def cut(self) -> None:
        """End all connections that there are. The client makes new ones at once."""
        former = set(self.open)
        for writer in former:
            writer.transport.abort()

        async def have_ended() -> bool:
            return not former & self.open

        await eventually(have_ended, "the connections have ended", 5)

    async def _serve(self, near: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far, far_writer = await asyncio.open_connection(*self._far)
        self.opened += 1
        pair = {writer, far_writer}
        self.open |= pair
        ways = [asyncio.create_task(self._pass(near, far_writer)), asyncio.create_task(self._pass(far, writer, True))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for one in pair:
            one.transport.abort()
        await asyncio.gather(*ways)
        self.open -= pair

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: bool = False) -> None:
        try:
            while data := await reader.read(65_536):
                if not (answers and self.swallows):
                    writer.write(data)
        except ConnectionError:
            return


@asynccontextmanager
async def through_a_way(space: Space) -> AsyncIterator[tuple[Way, Mongo]]:
    with space.mongo() as client:
        client.get_default_database()["written"].drop()
    at = urlsplit(space.mongodb_uri)
    first = at.netloc.rpartition("@")[2].split(",")[0]
    host, port = first.split(":")
    way = Way(host, int(port))
    async with way.listening() as own:
        uri = at._replace(netloc=at.netloc.replace(at.netloc.rpartition("@")[2], f"127.0.0.1:{own}"))
        query = "&".join(part for part in uri.query.split("&") if part and not part.startswith("replicaSet"))
        mongo = Mongo(uri._replace(query=f"{query}&directConnection=true".lstrip("&")).geturl(), "test")
        yield way, mongo
        await mongo.stop()


async def insert(mongo: Mongo, number: int) -> None:
    answer = await mongo.insert(mongo.database["written"], [{"_id": number}])
    assert (answer["n"], answer.get("writeErrors")) == (1, None)


async def test_writes_share_a_connection_unless_they_overlap(space: Space) -> None:
    async with through_a_way(space) as (way, mongo):
        for number in range(3):
            await insert(mongo, number)
        before = way.opened
        for number in range(10, 20):
            await insert(mongo, number)
        assert way.opened == before
        await asyncio.gather(*(insert(mongo, number) for number in range(20, 30)))
        assert await mongo.database["written"].count_documents({}) == 23


async def test_a_write_whose_connection_ends_is_unknown_and_the_next_one_makes_a_new_one(space: Space) -> None:
    async with through_a_way(space) as (way, mongo):
        await insert(mongo, 1)
        lost = await stored_without_an_answer(space, way, mongo, 2)
        way.swallows = False
        await way.cut()
        with pytest.raises(AutoReconnect):
            await lost
        await until_written(mongo, 3)


async def test_a_connection_that_ended_between_two_writes_costs_an_error_at_most(space: Space) -> None:
    async with through_a_way(space) as (way, mongo):
        await insert(mongo, 1)
        await way.cut()
        await until_written(mongo, 2)


async def test_a_server_that_has_gone_silent_is_not_waited_for_longer_than_its_heartbeats_take(space: Space) -> None:
    async with through_a_way(space) as (way, mongo):
        await insert(mongo, 1)
        way.swallows = True
        begun = time.monotonic()
        with pytest.raises(PyMongoError):
            await insert(mongo, 2)
        assert time.monotonic() - begun < 15, "by itself a write is waited for 20 s"


async def test_an_answer_is_not_waited_for_beyond_the_time_for_it(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongo_inserts, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr("warren.chassis.mongo.SOCKET_MS", 300)
    async with through_a_way(space) as (way, mongo):
        await insert(mongo, 1)
        way.swallows = True
        with pytest.raises(NetworkTimeout):
            await insert(mongo, 2)


async def test_the_answer_to_a_write_that_was_cancelled_is_not_taken_for_that_of_the_next(space: Space) -> None:
    async with through_a_way(space) as (way, mongo):
        await insert(mongo, 1)
        given_up = await stored_without_an_answer(space, way, mongo, 2)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        way.swallows = False
        with pytest.raises(AssertionError):
            await insert(mongo, 2)  # its own answer: there is such a document
        await insert(mongo, 3)


async def test_what_the_server_refuses_is_named_and_the_connection_stays(space: Space) -> None:
    async with through_a_way(space) as (way, mongo):
        await insert(mongo, 1)
        before = way.opened
        with pytest.raises(OperationFailure, match="batch sizes"):
            await mongo.insert(mongo.database["written"], [])
        await insert(mongo, 2)
        assert way.opened == before


async def stored_without_an_answer(space: Space, way: Way, mongo: Mongo, number: int) -> asyncio.Task[None]:
    """A write that still waits, on a way that swallows answers."""
    way.swallows = True
    write = asyncio.create_task(insert(mongo, number))
    with space.mongo() as client:
        written = client.get_default_database()["written"]

        async def is_stored() -> bool:
            return await asyncio.to_thread(written.count_documents, {"_id": number}) == 1

        await eventually(is_stored, "it has been written", 10)
    return write


async def until_written(mongo: Mongo, number: int) -> None:
    async def is_written() -> bool:
        try:
            await insert(mongo, number)
        except AutoReconnect:
            return False
        return True

    await eventually(is_written, "writes go on over a new connection", 10)
