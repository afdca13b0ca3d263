"""The write on the path of a message: an insert command on a connection that stays checked out.

Measured for a lone document, majority and journal, in turn: 2.6 ms and 0.37 ms of client CPU instead of 3.1 ms and
0.9 ms for `database.command`, which selects a server, takes a connection, begins a session and makes a task for each
half of the exchange. Servers, connections, sign-in and what follows from an error stay the driver's (ADR 24).
"""

import asyncio
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import bson
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.mongo_client import _ClientCheckout
from pymongo.asynchronous.pool import AsyncConnection
from pymongo.errors import AutoReconnect, NetworkTimeout, ProtocolError
from pymongo.helpers_shared import _check_command_response
from pymongo.operations import _Op
from pymongo.topology_description import TopologyDescription

OP_MSG = 2013
LOOK_SECONDS = 0.5
REQUEST = struct.Struct("<iiiiIB")
"""Length, request id, 0, OP_MSG, no flags, one section that is the command."""
ANSWER_BEFORE = 5
"""Bytes of an answer before its document: flags and the kind of its section."""


@dataclass(frozen=True, slots=True)
class Held:
    """A connection to the primary, as it was known."""

    checkout: _ClientCheckout
    connection: AsyncConnection
    known: TopologyDescription


class Inserts:
    """Insert commands of one client, each on the connection of the last one if that is free."""

    def __init__(self, client: AsyncMongoClient[Any], timeout: float) -> None:
        """`timeout`: seconds after which an answer is no longer waited for."""
        self._client = client
        self._timeout = timeout
        self._free: Held | None = None
        self._requests = count(1)

    async def insert(self, collection: AsyncCollection[Any], documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Ordered, with the collection's write concern; up to 16 MB together. Returns the server's answer, in which
        `writeErrors` and `writeConcernError` are for the caller to read. Raises PyMongoError: unknown what is stored.
        """
        command = {
            "insert": collection.name,
            "ordered": True,
            "writeConcern": collection.write_concern.document,
            "$db": collection.database.name,
            "documents": documents,
        }
        body = bson.encode(command)
        held = await self._take()
        try:
            answer = await self._exchange(held.connection, body)
            _check_command_response(answer, held.connection.max_wire_version)
        except BaseException as error:
            # The driver marks the server as gone or deposed if the error says so, and drops the connection if closed.
            await held.checkout.__aexit__(type(error), error, error.__traceback__)
            raise
        if self._free is None:
            self._free = held
        else:
            await _give_back(held)
        return answer

    async def stop(self) -> None:
        if self._free is not None:
            await _give_back(self._free)
            self._free = None

    async def _take(self) -> Held:
        """What the driver knows of the servers is a new object with each heartbeat: then it chooses again. So a
        primary that was replaced, or whose connections it has dropped, is not written to for longer than by itself."""
        held, self._free = self._free, None
        known = self._client.topology_description
        if held is not None:
            if held.known is known:
                return held
            await _give_back(held)
        checkout = await self._client._conn_for_writes(None, _Op.INSERT)
        return Held(checkout, await checkout.__aenter__(), known)

    async def _exchange(self, connection: AsyncConnection, body: bytes) -> dict[str, Any]:
        request = next(self._requests) & 0x7FFFFFFF
        wire = connection.conn.get_conn
        watch = Watch(connection, self._timeout)
        try:
            await wire.write(REQUEST.pack(REQUEST.size + len(body), request, 0, OP_MSG, 0, 0) + body)
            data, kind = await wire.read(request, connection.max_message_size)
            if kind != OP_MSG:
                raise ProtocolError(f"an answer of kind {kind} instead of {OP_MSG}")
            return bson.decode(data[ANSWER_BEFORE:])
        except BaseException as error:  # also when cancelled: the answer would be taken for that of the next command
            await connection.close_conn(None)
            if isinstance(error, OSError):
                raise AutoReconnect(f"{connection.address}: {error}") from error
            raise
        finally:
            watch.cancel()


class Watch:
    """Ends the wait for an answer at the deadline, or as soon as heartbeats say that the server is gone."""

    def __init__(self, connection: AsyncConnection, timeout: float) -> None:
        self._connection = connection
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + timeout
        self._timer = self._loop.call_later(LOOK_SECONDS, self._look)

    def cancel(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        connection = self._connection
        if connection.cancel_context.cancelled:
            connection.conn.get_conn.close(AutoReconnect(f"{connection.address} has gone silent"))
        elif self._loop.time() >= self._deadline:
            connection.conn.get_conn.close(NetworkTimeout(f"{connection.address}: no answer in {self._timeout} s"))
        else:
            self._timer = self._loop.call_later(LOOK_SECONDS, self._look)


async def _give_back(held: Held) -> None:
    await held.checkout.__aexit__(None, None, None)
