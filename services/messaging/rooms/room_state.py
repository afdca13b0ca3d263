"""What a room is in the memory of its owner: members, head, recent events, and which commands are known.

Only entries of the log change it; `room.py` decides which follow from a command.
"""

from collections import OrderedDict, deque
from collections.abc import Mapping

from msgspec import Struct

from services.messaging.rooms.entries import Entry, event_of
from warren.contracts import events, rooms
from warren.contracts.codec import rfc3339
from warren.contracts.errors import Code
from warren.contracts.rest import Room as RoomObject

RECENT_EVENTS = 300
KNOWN_NONCES = 1_000
KNOWN_REFUSALS = 200
CARRIED_REFUSALS = 16
"""How many of them one entry carries; more than that between two entries is abuse, of which the last count."""

Refusals = Mapping[tuple[str, str], tuple[Code, str]]
"""Why it was refused, by sender and nonce, whatever gateway it comes through. The latest last."""


class Member(Struct):
    """A member: their role and the `seq` of the event that made them one."""

    role: str
    since: int


class Known(Struct):
    """A command that was stored: what its repetition is answered with."""

    seq: int
    at: int
    event: rooms.RoomEvent


class RoomState:
    """One room in the memory of its owner. `kind` "" = does not exist (yet)."""

    __slots__ = ("_carry", "_nonces", "_refused", "_unsettled", "created_at", "created_by", "head", "id", "kind",
                 "members", "n", "name", "public", "recent", "topic")  # fmt: skip

    def __init__(self, room: str) -> None:
        self.id = room
        self.kind = ""
        self.name: str | None = None
        self.topic: str | None = None
        self.public = False
        self.created_by = ""
        self.created_at = 0
        self.head = 0
        self.n = 0
        self.members: dict[str, Member] = {}
        self.recent: deque[rooms.RoomEvent] = deque(maxlen=RECENT_EVENTS)
        self._nonces: OrderedDict[tuple[str, str], Known] = OrderedDict()
        self._refused: dict[tuple[str, str], tuple[Code, str]] = {}
        self._unsettled: set[tuple[str, str]] = set()
        """Refused in the round under way."""
        self._carry: list[tuple[str, str, str]] = []

    def apply(self, entry: Entry) -> rooms.RoomEvent:
        """Take an entry into the state: one just decided, or one from the log. Returns its event."""
        self.apply_change(entry)
        return self.remember(entry)

    def apply_change(self, entry: Entry) -> None:
        """The part of `apply` that changes the room and its members. A change that is in already changes nothing."""
        payload = entry.payload
        match entry.kind:
            case events.MEMBER_JOINED:
                self.members[payload["user"]] = Member(payload["role"], entry.seq)
            case events.MEMBER_CHANGED:
                if member := self.members.get(payload["user"]):
                    member.role = payload["role"]
            case events.MEMBER_LEFT:
                self.members.pop(payload["user"], None)
            case events.ROOM_CHANGED:
                self._apply_room(entry)

    def remember(self, entry: Entry) -> rooms.RoomEvent:
        """The part of `apply` that moves the head, and keeps the event and the nonce."""
        event = entry.event or event_of(entry)
        self.head = entry.seq
        self.n = entry.n
        self.recent.append(event)
        for user, nonce, code in entry.payload.get("refused", ()):
            self._know_refused((user, nonce), Code(code), "It was refused before.")
        if entry.nonce is not None:
            self.know(entry.sender, entry.nonce, Known(entry.seq, entry.at, event))
            if len(self._nonces) > KNOWN_NONCES:
                self._nonces.popitem(last=False)
                if len(self._nonces) > KNOWN_NONCES:  # two for one, to come down again after many old ones
                    self._nonces.popitem(last=False)
        return event

    def _apply_room(self, entry: Entry) -> None:
        payload = entry.payload
        if not self.kind:
            self.kind = payload["kind"]
            self.created_by = entry.sender
            self.created_at = entry.at
        self.name, self.topic, self.public = payload["name"], payload["topic"], payload["public"]

    def know(self, sender: str, nonce: str, known: Known) -> None:
        """Remember a stored command, also one from long ago that the database had to be asked for. Those are all needed
        for the next decision, however many: only what is new makes old ones forgotten (see `remember`)."""
        self._nonces[(sender, nonce)] = known

    def refuse(self, user: str, nonce: str, code: Code, detail: str) -> None:
        """It stays refused, and the next entry says so."""
        self._know_refused((user, nonce), code, detail)
        self._unsettled.add((user, nonce))
        self._carry = [*self._carry, (user, nonce, str(code))][-CARRIED_REFUSALS:]

    def settle_refusals(self) -> None:
        """What was refused until now counts: whoever asked is told."""
        self._unsettled.clear()

    def settled_refusals(self) -> Refusals:
        """Those that count, without those of a round under way, which may end otherwise."""
        return {key: why for key, why in self._refused.items() if key not in self._unsettled}

    def keep_refusals(self, settled: Refusals) -> None:
        """Of this room when it was in memory before: what the log does not say must ride on the next entry."""
        unknown = {key: why for key, why in settled.items() if key not in self._refused and key not in self._nonces}
        for key, (code, detail) in unknown.items():
            self._know_refused(key, code, detail)
        self._carry = [(user, nonce, str(code)) for (user, nonce), (code, _) in unknown.items()][-CARRIED_REFUSALS:]

    def _know_refused(self, key: tuple[str, str], code: Code, detail: str) -> None:
        self._refused[key] = code, detail
        if len(self._refused) > KNOWN_REFUSALS:
            del self._refused[next(iter(self._refused))]

    def object(self) -> RoomObject:
        """The room as clients see it."""
        return RoomObject(
            id=self.id,
            kind=self.kind,
            name=self.name,
            topic=self.topic,
            public=self.public,
            created_by=self.created_by,
            created_at=rfc3339(self.created_at),
            head=self.head,
            n=self.n,
            members=len(self.members),
        )

    def events_after(self, after: int) -> list[rooms.RoomEvent]:
        """The recent events after `after`, contiguous up to `head`; may start later than asked."""
        return [event for event in self.recent if event.seq > after]

    def is_member(self, user: str) -> bool:
        return user in self.members
