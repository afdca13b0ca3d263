"""What happened in a room, from its owner to the listening gateways, and rare news for all gateways.

The owner encodes the JSON that clients will see once; gateways frame the bytes and pass them on.
"""

from msgspec import Struct

from warren.contracts.rest import Presence
from warren.contracts.rooms import Answer, RoomEvent

MESSAGE_CREATED = "message.created"
MESSAGE_EDITED = "message.edited"
MESSAGE_DELETED = "message.deleted"
REACTION_CHANGED = "reaction.changed"
MEMBER_JOINED = "member.joined"
MEMBER_LEFT = "member.left"
MEMBER_CHANGED = "member.changed"
ROOM_CHANGED = "room.changed"


class RoomEvents(Struct, array_like=True):
    """Contiguous events of one room, ascending."""

    room: str
    events: list[RoomEvent]


class Transient(Struct, array_like=True):
    """News of a room that is not stored: typing and receipts, as the client's frame in JSON.

    `about` is the user that it is about: their own sockets get `own` instead of `data`. None = nothing.
    """

    room: str
    data: bytes | None
    about: str
    own: bytes | None = None


class Done(Struct, array_like=True):
    """Batch `number` to `partition` is settled: every command in it is answered in this EventBatch."""

    partition: int
    number: int


class EventBatch(Struct, array_like=True):
    """All that one write of a messaging instance has for one gateway.

    `source` is the incarnation of that instance and `n` counts its batches to this gateway from 1: a jump means
    that a batch was lost. Apply in the order of the fields. An idle source repeats itself with an empty batch.
    """

    source: str
    n: int
    answers: list[Answer]
    rooms: list[RoomEvents]
    transients: list[Transient]
    done: list[Done]


class Notice(Struct, array_like=True):
    """Base of the news that every gateway and every messaging instance gets over `topology.NOTICES`."""


class MemberAdded(Notice, tag="member_added"):
    """`users` became members of `room`; sent after that is visible to `queries.ROOMS_OF`."""

    room: str
    users: list[str]


class SessionRevoked(Notice, tag="session_revoked"):
    """Close these sessions' sockets with 4403. `sessions` empty = all of the user but `keep`."""

    user: str
    sessions: list[str]
    keep: str | None = None


class PresenceChanged(Notice, tag="presence_changed"):
    """For gateways that watch. Sent straight to their queue, not over the exchange.

    `at`: when all of this was so, in microseconds of Redis's clock. Two instances may tell of one user, and the news
    of the slower one may be old: a gateway drops what is older than what it has of that user.
    """

    presences: list[Presence]
    at: int


class PartitionTaken(Notice, tag="partition_taken"):
    """`source` owns the partition from here on; sent before it decides anything there. For the other messaging
    instances: what they remember of who listens to its rooms may be old when they get it back."""

    source: str
    partition: int


AnyNotice = MemberAdded | SessionRevoked | PresenceChanged | PartitionTaken

NOTICE_TYPE = "notice"
"""AMQP `type` of a Notice in a gateway's queue; an EventBatch has none."""
