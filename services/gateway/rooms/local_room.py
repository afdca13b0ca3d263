"""One room that local sockets need: its head, who may receive, recent frames, and the sockets themselves.

Invariant: every socket in `sockets` has been given, or did not need, exactly the events up to `head`, in order.
"""

from asyncio import TimerHandle
from collections import deque
from enum import Enum
from typing import TYPE_CHECKING

from services.gateway.sockets.encode import text_frame
from warren.contracts.rooms import MemberSince, RoomEvent

if TYPE_CHECKING:
    from services.gateway.sockets.connection import Connection

RECENT_FRAMES = 300


class Phase(Enum):
    """OPENING: the owner has not answered yet. LIVE: events arrive in order. REPAIRING: something is missing. What
    arrives while a room is not live is held. LET_GO: nobody needed it, nothing arrives any more; who still has it in
    hand must open it anew."""

    OPENING = 1
    LIVE = 2
    REPAIRING = 3
    LET_GO = 4


class LocalRoom:
    """State of one room at this gateway."""

    __slots__ = (
        "ahead",
        "head",
        "held",
        "id",
        "joining",
        "leaving",
        "lingering",
        "members",
        "phase",
        "recent",
        "repair_again",
        "sockets",
    )

    def __init__(self, room: str) -> None:
        self.id = room
        self.phase = Phase.OPENING
        self.head = 0
        self.members: dict[str, int] = {}
        self.sockets: set[Connection] = set()
        self.joining: dict[Connection, object] = {}
        """Sockets that are being given older events from the log first, and what tells this try from an earlier one."""
        self.leaving: dict[Connection, int] = {}
        """Of those, the ones whose user has left meanwhile: what they are given ends with this `seq`."""
        self.ahead: list[tuple[Connection, int]] = []
        """Sockets that have seen more than this gateway has, through another one: they join when it has caught up."""
        self.recent: deque[tuple[int, bytes]] = deque(maxlen=RECENT_FRAMES)
        self.held: list[RoomEvent] = []
        self.repair_again = False
        """More was lost while a repair was under way: its answer may have come before that."""
        self.lingering: TimerHandle | None = None
        """Lets the room go, unless somebody needs it then."""

    def keep_members(self, members: list[MemberSince]) -> None:
        self.members = {member.user: member.since for member in members}

    def keep_recent(self, events: list[RoomEvent]) -> None:
        """Events before the first live one, for sockets that resume."""
        for event in events:
            self.recent.append((event.seq, text_frame(event.data)))

    def frames_after(self, after: int) -> list[bytes] | None:
        """Frames of the events after `after` up to `head`; None when they are not all here any more."""
        if after >= self.head:
            return []
        if not self.recent or self.recent[0][0] > after + 1:
            return None
        return [frame for seq, frame in self.recent if seq > after]

    def forget_ahead(self, connection: "Connection") -> None:
        if self.ahead:
            self.ahead = [(other, after) for other, after in self.ahead if other is not connection]

    def everybody(self) -> set["Connection"]:
        """All that have the room, in whatever state."""
        return self.sockets.union(self.joining, (connection for connection, _ in self.ahead))

    @property
    def needed(self) -> bool:
        return bool(self.sockets or self.joining or self.ahead)
