"""Indexes of the messaging service's collections, ensured at start."""

from pymongo import ASCENDING, IndexModel

from warren.chassis.mongo import Mongo

ROOM_LOG = "room_log"
ROOMS = "rooms"
MEMBERS = "members"
COMMANDS_INDEX = "commands"


class OlderLog(Exception):
    """The stored room log is of a version from before the first release."""


async def ensure_indexes(mongo: Mongo) -> None:
    """`_id` {room, seq} is the order of the log and the fence against a deposed owner.

    The index of commands makes a second entry for the same command impossible; the one of changes finds the few runs
    that change rooms and members, and costs nothing for messages because it does not hold them. Raises OlderLog.
    """
    first = await mongo.database[ROOM_LOG].find_one({}, {"entries": {"$slice": 1}})
    if first is not None and "entries" not in first:
        detail = "The messages here were stored by an earlier version, one document each; this one cannot read them."
        raise OlderLog(f"{detail} Start with an empty database (`down --wipe`), or go back to that version.")
    await mongo.database[ROOM_LOG].create_indexes(
        [
            IndexModel(
                [("_id.room", ASCENDING), ("commands", ASCENDING)],
                name=COMMANDS_INDEX,
                unique=True,
                partialFilterExpression={"commands": {"$exists": True}},
            ),
            IndexModel(
                [("_id.room", ASCENDING), ("_id.seq", ASCENDING)],
                name="changes",
                partialFilterExpression={"change": {"$exists": True}},
            ),
        ]
    )
    await mongo.database[MEMBERS].create_indexes([IndexModel([("_id.user", ASCENDING), ("_id.room", ASCENDING)])])
    await mongo.database[ROOMS].create_indexes(
        [IndexModel([("name", ASCENDING)], partialFilterExpression={"public": True})]
    )


class Indexes:
    """The step of the start that waits for the indexes."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def start(self) -> None:
        await ensure_indexes(self._mongo)

    async def stop(self) -> None:
        """Nothing to undo."""
