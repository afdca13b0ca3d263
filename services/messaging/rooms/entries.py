"""One entry of a room's log, and its form as the event that clients see."""

from typing import Any

from msgspec import Raw, Struct

from warren.contracts import events
from warren.contracts.codec import decode_json, encode_json, rfc3339
from warren.contracts.rest import Message
from warren.contracts.rooms import RoomEvent
from warren.contracts.socket import Event


class Entry(Struct):
    """What happened in `room` as `seq`: `kind` is the event's type, `at` ms since 1970, `n` the number of messages in
    the room up to here. `nonce` makes its command harmless when it comes again. `payload` by kind:

    message.created   body, reply_to, thread, attachments, mentions; later: edited_at, deleted, reactions
    message.edited    target, body          message.deleted   target
    reaction.changed  target, emoji, on
    member.joined, member.changed   user, role          member.left   user
    room.changed      kind, name, topic, public
    """

    room: str
    seq: int
    kind: str
    sender: str
    nonce: str | None
    at: int
    n: int
    payload: dict[str, Any]
    event: RoomEvent | None = None
    """Made by `event_of` when it is first asked for."""

    @property
    def changes(self) -> bool:
        """Whether it changes the projections `rooms` and `members`."""
        return self.kind in MEMBERSHIP


MEMBERSHIP = frozenset({events.MEMBER_JOINED, events.MEMBER_LEFT, events.MEMBER_CHANGED, events.ROOM_CHANGED})
"""Kinds that change the projections `rooms` and `members`."""


def message_of(entry: Entry) -> Message:
    """The message object of a message.created entry in its current form."""
    payload = entry.payload
    if len(payload) == 1:  # as most are written: only a body
        return Message(
            entry.room, entry.seq, entry.n, entry.sender, entry.nonce or "", payload["body"], rfc3339(entry.at)
        )
    edited = payload.get("edited_at")
    return Message(
        room=entry.room,
        seq=entry.seq,
        n=entry.n,
        sender=entry.sender,
        nonce=entry.nonce or "",
        body=payload["body"],
        at=rfc3339(entry.at),
        edited_at=rfc3339(edited) if edited else None,
        deleted=payload.get("deleted", False),
        reply_to=payload.get("reply_to"),
        thread=payload.get("thread"),
        attachments=payload.get("attachments", []),
        reactions=_reactions(payload.get("reactions", ())),
        mentions=payload.get("mentions", []),
    )


def _reactions(pairs: Any) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for pair in pairs:
        grouped.setdefault(pair["emoji"], []).append(pair["user"])
    return grouped


class _MessageEvent(Event, tag="event", omit_defaults=False):
    message: Message


class _MessagePart(Struct):
    message: Raw


def message_in(event: RoomEvent) -> bytes:
    """The message object inside a message.created event, as JSON."""
    return bytes(decode_json(event.data, _MessagePart).message)


class _EditedEvent(Event, tag="event", omit_defaults=False):
    target: int
    body: str
    edited_at: str


class _DeletedEvent(Event, tag="event", omit_defaults=False):
    target: int
    by: str


class _ReactionEvent(Event, tag="event", omit_defaults=False):
    target: int
    emoji: str
    user: str
    on: bool


class _MemberEvent(Event, tag="event", omit_defaults=False):
    user: str
    role: str | None
    by: str


class _RoomEvent(Event, tag="event", omit_defaults=False):
    name: str | None
    topic: str | None
    public: bool
    by: str


def event_of(entry: Entry) -> RoomEvent:
    """The event as gateways pass it on: the client's JSON, encoded once for everybody."""
    if entry.event is None:
        entry.event = _encode(entry)
    return entry.event


def _encode(entry: Entry) -> RoomEvent:
    payload, kind, at = entry.payload, entry.kind, rfc3339(entry.at)
    base = (entry.room, entry.seq, kind, at)
    if kind == events.MESSAGE_CREATED:
        return RoomEvent(entry.seq, encode_json(_MessageEvent(*base, message_of(entry))))
    if kind == events.MESSAGE_EDITED:
        return RoomEvent(entry.seq, encode_json(_EditedEvent(*base, payload["target"], payload["body"], at)))
    if kind == events.MESSAGE_DELETED:
        return RoomEvent(entry.seq, encode_json(_DeletedEvent(*base, payload["target"], entry.sender)))
    if kind == events.REACTION_CHANGED:
        target, emoji, on = payload["target"], payload["emoji"], payload["on"]
        return RoomEvent(entry.seq, encode_json(_ReactionEvent(*base, target, emoji, entry.sender, on)))
    if kind == events.ROOM_CHANGED:
        name, topic, public = payload["name"], payload["topic"], payload["public"]
        return RoomEvent(entry.seq, encode_json(_RoomEvent(*base, name, topic, public, entry.sender)))
    user = payload["user"]
    data = encode_json(_MemberEvent(*base, user, payload.get("role"), entry.sender))
    return RoomEvent(
        entry.seq,
        data,
        joined=user if kind == events.MEMBER_JOINED else None,
        left=user if kind == events.MEMBER_LEFT else None,
    )
