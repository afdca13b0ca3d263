"""Users and rooms of peers: a user is a token, a room a document with its members."""

from typing import Any

from pymongo import AsyncMongoClient

from bench.system import System, server_addresses
from bench.users import Cast
from bench.workloads import Workload

COLLECTIONS = "bench_peers_"


async def prepare(system: System, workload: Workload) -> Cast:
    """Write the rooms of `workload` anew; nobody is in any other room."""
    users = [f"user-{number}" for number in range(workload.users)]
    ids = [f"{workload.name}-{number}" for number in range(len(workload.rooms))]
    documents = [
        {"_id": room, "members": [users[member] for member in members]}
        for room, members in zip(ids, workload.rooms, strict=True)
    ]
    async with _mongo(system) as mongo:
        rooms = mongo.get_default_database()[f"{COLLECTIONS}rooms"]
        await rooms.delete_many({})
        await rooms.create_index("members")
        await rooms.insert_many(documents)
    return Cast(users, users, ids)


def _mongo(system: System) -> AsyncMongoClient[dict[str, Any]]:
    return AsyncMongoClient(server_addresses(system)["MONGODB_URI"])


async def forget(system: System) -> None:
    """Drop what peers stored."""
    async with _mongo(system) as mongo:
        for name in ("rooms", "messages"):
            await mongo.get_default_database()[f"{COLLECTIONS}{name}"].drop()
