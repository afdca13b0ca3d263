"""What the messaging service is asked about rooms and their past. Callers: gateways."""

from msgspec import Struct

from warren.contracts.rest import Message, RoomSummary
from warren.contracts.rooms import RoomEvent
from warren.contracts.rpc import Method


class RoomsOf(Struct):
    """The rooms that each of these users is a member of, for the `hello` of their sockets."""

    users: list[str]


class RoomIds(Struct):
    """By user; who is in no room is left out."""

    rooms: dict[str, list[str]]


class ListRooms(Struct):
    """`GET /rooms`: rows by room id after `cursor`."""

    user: str
    cursor: str | None
    limit: int


class RoomRows(Struct):
    rooms: list[RoomSummary]
    next: str | None


class GetRoom(Struct):
    """Refused with `not_found` unless the caller is a member or the room is public."""

    user: str
    room: str


class ListMembers(Struct):
    """Members by user id after `cursor`. Refused like GetRoom; `not_a_member` where only members may."""

    user: str
    room: str
    cursor: str | None
    limit: int


class MemberRow(Struct):
    user: str
    role: str
    since: int


class MemberRows(Struct):
    members: list[MemberRow]
    next: str | None


class History(Struct):
    """Messages of a room, ascending: the last `limit` before `before` (exclusive), or the first after `after`,
    or half on each side of `around`; without any, the newest."""

    user: str
    room: str
    before: int | None
    after: int | None
    around: int | None
    limit: int


class Messages(Struct):
    messages: list[Message]
    head: int


class EventsAfter(Struct):
    """Stored events with `seq` > `after`, contiguous, at most `limit`. `user` "" = a gateway repairing a gap."""

    user: str
    room: str
    after: int
    limit: int


class StoredEvents(Struct):
    events: list[RoomEvent]
    head: int


ROOMS_OF = Method("messaging.rooms_of", RoomsOf, RoomIds, idempotent=True)
LIST_ROOMS = Method("messaging.list_rooms", ListRooms, RoomRows, idempotent=True)
GET_ROOM = Method("messaging.get_room", GetRoom, RoomSummary, idempotent=True)
LIST_MEMBERS = Method("messaging.list_members", ListMembers, MemberRows, idempotent=True)
HISTORY = Method("messaging.history", History, Messages, idempotent=True)
EVENTS_AFTER = Method("messaging.events_after", EventsAfter, StoredEvents, idempotent=True)
