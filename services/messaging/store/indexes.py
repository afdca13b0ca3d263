"""Indexes of the messaging service's collections, ensured at start."""

from pymongo import ASCENDING, IndexModel

from warren.chassis.mongo import Mongo

ROOM_LOG = "room_log"
ROOMS = "rooms"
MEMBERS = "members"
NONCE_INDEX = "room_sender_nonce"


async def ensure_indexes(mongo: Mongo) -> None:
    """`_id` {room, seq} is the order of the log and the fence against a deposed owner.

    The nonce index makes a second entry for the same command impossible; the change index finds the few entries that
    change rooms and members, and costs nothing for messages because it does not hold them.
    """
    await mongo.database[ROOM_LOG].create_indexes(
        [
            IndexModel(
                [("_id.room", ASCENDING), ("sender", ASCENDING), ("nonce", ASCENDING)],
                name=NONCE_INDEX,
                unique=True,
                partialFilterExpression={"nonce": {"$exists": True}},
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
