"""Commands to the owner of a room, and its answers. Callers: gateways.

Commands travel in a `CommandBatch` through the room's partition queue. Each carries `ref`, a number that is
unique in its gateway's run, and the answer with that `ref` comes back in an `events.EventBatch`.
Structs of this path are arrays on the wire; new fields go to the end and have a default.
"""

from itertools import count

from msgspec import Struct

from warren.contracts.ids import partition_of


class RoomEvent(Struct, array_like=True):
    """One event of a room. `data` is the client's frame as JSON. `joined` and `left` name the user of
    member.joined and member.left: gateways keep from them who may receive, from the first on, up to the second."""

    seq: int
    data: bytes
    joined: str | None = None
    left: str | None = None


class Command(Struct, array_like=True):
    """Base: `user` is who asks, already authenticated by the gateway."""

    ref: int
    room: str
    user: str


class Post(Command, tag="post"):
    """Post a message; `body` is already normalised. `echo` asks for the message object in the answer."""

    nonce: str
    body: str
    reply_to: int | None = None
    thread: int | None = None
    attachments: list[str] = []
    echo: bool = False


class Edit(Command, tag="edit"):
    """Replace the body of one's own message. `op` makes a redelivery harmless."""

    op: str
    seq: int
    body: str


class Delete(Command, tag="delete"):
    """Delete for all: one's own message, or any as owner or admin."""

    op: str
    seq: int


class React(Command, tag="react"):
    op: str
    seq: int
    emoji: str
    on: bool


class Create(Command, tag="create"):
    """Make the room with the caller as owner and `members`. A direct room that exists is answered as it is."""

    op: str
    kind: str
    name: str | None = None
    topic: str | None = None
    public: bool = False
    members: list[str] = []


class SetMember(Command, tag="set_member"):
    """Add a member, or change their role. Owners and admins may."""

    op: str
    member: str
    role: str


class RemoveMember(Command, tag="remove_member"):
    """Leave (member = user), or remove another as owner or admin."""

    op: str
    member: str


class Join(Command, tag="join"):
    """Become a member of a public room."""

    op: str


class Read(Command, tag="read"):
    """Everything up to `seq` is read by `user`. Not answered."""

    seq: int


class Typing(Command, tag="typing"):
    """Not stored, not answered."""

    on: bool


class Listen(Command, tag="listen"):
    """From now on send me this room's events; `after` is the last `seq` I have. Answered by `Listening`."""

    after: int


class Unlisten(Command, tag="unlisten"):
    """No local socket needs this room any more. Not answered."""


class Canary(Command, tag="canary"):
    """Answered by `Stored`: proves that the partition's queue has a living consumer. `room` is a `canary_room`."""


AnyCommand = (
    Post | Edit | Delete | React | Create | SetMember | RemoveMember | Join | Read | Typing | Listen | Unlisten
    | Canary
)  # fmt: skip


class CommandBatch(Struct, array_like=True):
    """Commands of one gateway to one partition, in order. `gateway` is the queue that gets the answers;
    `number` comes back as `done` once everything in the batch is settled."""

    gateway: str
    partition: int
    number: int
    commands: list[AnyCommand]


class Stored(Struct, array_like=True, tag="stored"):
    """Durable as `seq` (0 = there was nothing to change) at `at` ms. `object`: JSON of the message or room."""

    ref: int
    seq: int
    at: int
    duplicate: bool = False
    object: bytes | None = None


class Refused(Struct, array_like=True, tag="refused"):
    ref: int
    code: str
    detail: str
    retry_after_ms: int | None = None


class MemberSince(Struct, array_like=True):
    """A member and the `seq` of the event that made them one."""

    user: str
    since: int


class Listening(Struct, array_like=True, tag="listening"):
    """The exact cut: all up to `head` is history, all after it arrives live. `recent` holds the events that
    the owner had after the asked `after`, contiguous up to `head`, and may start later than asked."""

    ref: int
    room: str
    head: int
    members: list[MemberSince]
    recent: list[RoomEvent]


Answer = Stored | Refused | Listening


LISTENERS_KEEP_SECONDS = 30 * 86_400
"""Life of a listener set after the last gateway was added."""


CANARY_ROOMS = "canary:"
"""How the names of canary rooms begin."""


def canary_room(partition: int, partitions: int) -> str:
    """A name that finds its way to the partition as a room's would, and that no room has."""
    names = (f"{CANARY_ROOMS}{number}" for number in count())
    return next(name for name in names if partition_of(name, partitions) == partition)


def listeners_key(room: str) -> str:
    """Redis set of the gateway queues that listen to a room. Owners write it; a gateway that finds Redis emptied adds
    itself again."""
    return f"room:listeners:{room}"
