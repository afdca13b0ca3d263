"""Objects of REST answers and bodies of REST requests, as `docs` and clients see them (JSON, snake_case).

Bodies refuse unknown fields; objects may grow and clients ignore what they do not know.
"""

from typing import Annotated, Generic, TypeVar

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from warren.contracts import limits
from warren.contracts.errors import Code, FieldError

Id = Annotated[str, Meta(pattern=limits.ID_PATTERN)]
Nonce = Annotated[str, Meta(pattern=limits.NONCE_PATTERN)]
Text = Annotated[str, Meta(min_length=1, max_length=limits.BODY_CHARACTERS)]
Seq = Annotated[int, Meta(ge=0, le=2**53)]
T = TypeVar("T")


class Body(Struct, forbid_unknown_fields=True):
    """Base of what clients send."""


class User(Struct):
    id: str
    username: str
    display_name: str
    avatar: str | None
    bio: str
    created_at: str


class SelfUser(User):
    """A user as they see themselves."""

    email: str


class Room(Struct):
    """A room as its members see it. `head` is the last `seq`, `n` the number of messages so far."""

    id: str
    kind: str
    name: str | None
    topic: str | None
    public: bool
    created_by: str
    created_at: str
    head: int
    n: int
    members: int


class Message(Struct):
    """A message in its current form. A deleted one keeps its place and loses its body."""

    room: str
    seq: int
    n: int
    sender: str
    nonce: str
    body: str
    at: str
    edited_at: str | None = None
    deleted: bool = False
    reply_to: int | None = None
    thread: int | None = None
    attachments: list[str] = []
    reactions: dict[str, list[str]] = {}
    mentions: list[str] = []


class Register(Body):
    username: str
    email: str
    password: str
    device: str | None = None


class Login(Body):
    login: str
    password: str
    totp: str | None = None
    device: str | None = None


class Refresh(Body):
    refresh_token: str | None = None


class SignedIn(Struct):
    """Answer of register, login and refresh. `expires_in` is the life of the access token in seconds."""

    user: SelfUser
    access_token: str
    refresh_token: str
    expires_in: int
    session_id: str


class CreateRoom(Body):
    kind: str
    name: str | None = None
    topic: str | None = None
    members: list[Id] = []
    public: bool = False


class SetMember(Body):
    role: str = "member"


class PatchMembership(Body):
    read_seq: Seq | UnsetType = UNSET


class SendMessage(Body):
    nonce: Nonce
    body: Text
    reply_to: Seq | None = None
    thread: Seq | None = None
    attachments: list[Id] = []


class EditMessage(Body):
    body: Text


class Membership(Struct):
    """My own place in a room."""

    role: str
    since: int
    read_seq: int


class RoomSummary(Struct):
    """A row of `GET /rooms`: unread = messages after the one I read last."""

    room: Room
    head: int
    n: int
    unread: int
    mentions: int
    last_message: Message | None
    membership: Membership


class Member(Struct):
    """A row of `GET /rooms/{id}/members`. `user` is the public user object; `user_id` always stands alone too."""

    user_id: str
    role: str
    since: int
    user: User | None = None


class Presence(Struct):
    """What others see of a user: status is online, away, busy or offline."""

    user: str
    status: str
    text: str
    last_seen: str | None


class Page(Struct, Generic[T]):
    """A list. `next` is the cursor of the rest, or null."""

    items: list[T]
    next: str | None


class MessagePage(Struct):
    """Messages in ascending `seq`. `head` is the room's last `seq`."""

    messages: list[Message]
    head: int


class EventPage(Struct):
    """The frames that listeners got, contiguous and in ascending `seq`. `head` is the room's last `seq`."""

    events: list[Raw]
    head: int


class Problem(Struct, omit_defaults=True):
    """RFC 9457, as every refused request answers. `request_id` finds it in the logs."""

    type: str
    title: str
    status: int
    detail: str
    code: Code
    request_id: str
    retry_after_ms: int | None = None
    errors: list[FieldError] = []
