"""Frames of `GET /ws` (subprotocol `warren.v1`): one JSON object each, named by `op`.

The gateway decodes `ClientFrame` strictly: unknown ops and fields are a protocol error. What it sends is
built from the structs below; durable events are encoded once by the room's owner (`events.encode_event`).
"""

from typing import Annotated

from msgspec import Meta, Struct

from warren.contracts import limits
from warren.contracts.errors import Code
from warren.contracts.rest import Id, Nonce, Seq, Text

SUBPROTOCOL = "warren.v1"

FrameId = Annotated[str, Meta(max_length=64)] | int | None
Emoji = Annotated[str, Meta(min_length=1, max_length=limits.EMOJI_CHARACTERS)]


class Frame(Struct, tag_field="op", forbid_unknown_fields=True):
    """Base of what clients send."""


class Hello(Frame, tag="hello"):
    """First frame. `rooms` maps a room to the last `seq` that this client has of it."""

    token: Annotated[str, Meta(max_length=4096)]
    rooms: Annotated[dict[Id, Seq], Meta(max_length=limits.HELLO_ROOMS)] = {}
    batch: bool = False
    device: Annotated[str, Meta(max_length=limits.DEVICE_CHARACTERS)] | None = None


class Send(Frame, tag="send"):
    """Post a message. The same `nonce` again never makes a second one, and stays refused once its room refused it: who
    wants another decision takes another."""

    room: Id
    nonce: Nonce
    body: Text
    id: FrameId = None
    reply_to: Seq | None = None
    thread: Seq | None = None
    attachments: Annotated[list[Id], Meta(max_length=limits.ATTACHMENTS)] = []


class Edit(Frame, tag="edit"):
    room: Id
    seq: Seq
    body: Text
    id: FrameId = None


class Delete(Frame, tag="delete"):
    room: Id
    seq: Seq
    id: FrameId = None


class React(Frame, tag="react"):
    room: Id
    seq: Seq
    emoji: Emoji
    on: bool
    id: FrameId = None


class Read(Frame, tag="read"):
    """All up to `seq` is read. Coalesced: only the latest of a room counts."""

    room: Id
    seq: Seq


class Typing(Frame, tag="typing"):
    room: Id
    on: bool


class Watch(Frame, tag="watch"):
    """Replaces the set of users whose presence this client wants."""

    users: Annotated[list[Id], Meta(max_length=limits.WATCH_USERS)]


class Status(Frame, tag="status"):
    status: str
    text: Annotated[str, Meta(max_length=128)] | None = None


class Sync(Frame, tag="sync"):
    """Send me the events of a room after `after`: answered by them, or by `reset`."""

    room: Id
    after: Seq


class Ping(Frame, tag="ping"):
    id: FrameId = None


ClientFrame = Hello | Send | Edit | Delete | React | Read | Typing | Watch | Status | Sync | Ping


class Reply(Struct, tag_field="op", omit_defaults=True):
    """Base of what the gateway sends."""


class Ready(Reply, tag="ready"):
    user: str
    session_id: str
    connection_id: str
    server_id: str
    heartbeat_ms: int
    rooms: dict[str, int]


class Ack(Reply, tag="ack"):
    """The message is durable as `seq`."""

    id: FrameId
    room: str
    nonce: str
    seq: int
    at: str


class Done(Reply, tag="ack"):
    """The edit, deletion or reaction is durable as `seq`."""

    id: FrameId
    room: str
    seq: int


class Event(Reply, tag="event"):
    """Something durable happened in a room; `seq` is contiguous. The other fields depend on `type` and are encoded by
    the room's owner: message.created {message}, message.edited {target, body, edited_at}, message.deleted {target, by},
    reaction.changed {target, emoji, user, on}, member.joined, member.left, member.changed {user, role, by},
    room.changed {name, topic, public, by}."""

    room: str
    seq: int
    type: str
    at: str


class Error(Reply, tag="error"):
    code: Code
    detail: str
    id: FrameId = None
    retry_after_ms: int | None = None


class TypingNews(Reply, tag="typing"):
    room: str
    user: str
    on: bool


class PresenceNews(Reply, tag="presence", omit_defaults=False):
    user: str
    status: str
    text: str
    last_seen: str | None


class Receipt(Reply, tag="receipt"):
    """Another member has read up to `seq`."""

    room: str
    user: str
    seq: int


class ReadNews(Reply, tag="read"):
    """Another device of mine has read up to `seq`."""

    room: str
    seq: int


class RoomAdded(Reply, tag="notice"):
    """I am a member of `room`; its events after `head` follow."""

    kind: str
    room: str
    head: int


class SessionEnded(Reply, tag="notice"):
    kind: str
    detail: str


class Reset(Reply, tag="reset"):
    """Too much was missed: load history; events after `head` follow."""

    room: str
    head: int


class Reconnect(Reply, tag="reconnect"):
    after_ms: int
    reason: str


class Pong(Reply, tag="pong"):
    id: FrameId = None
