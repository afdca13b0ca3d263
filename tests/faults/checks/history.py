"""What the checks share: records and database in the form in which questions are asked of them."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.faults import records
from tests.faults.database import JOINED, LEFT, Database, Entry
from tests.faults.records import AnyRecord


@dataclass(frozen=True)
class Violation:
    """`claim` is C1 to C8."""

    claim: str
    text: str

    def __str__(self) -> str:
        return f"{self.claim}: {self.text}"


@dataclass(frozen=True)
class Interval:
    """A membership: from the event that began it to the one that ended it, both included (`end` inf: still)."""

    start: int
    end: float

    def __contains__(self, seq: int) -> bool:
        return self.start <= seq <= self.end


@dataclass
class View:
    """What one device saw of one room. `position`: the last seq it has. `excused`: (after, upto] that it need not
    have, as it began or came back later. `ended`: the room is not its any more."""

    position: int | None = None
    since: int = 0
    """Where its present time in the room began."""
    ended: bool = False
    shown: dict[int, records.Event] = field(default_factory=dict)
    order: list[records.Event] = field(default_factory=list)
    excused: list[tuple[int, float]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)

    def begin(self, head: int) -> None:
        if self.position is None or self.ended:
            self.excused.append((self.position or 0, head))
            self.since = head
        self.position, self.ended = head, False

    def needs(self, seq: int) -> bool:
        return not any(after < seq <= upto for after, upto in self.excused)


class History:
    """All of a run."""

    def __init__(self, run: Iterable[AnyRecord], database: Database) -> None:
        self.records = list(run)
        self.database = database
        self.user: dict[str, str] = {}
        self.entries: dict[tuple[str, int], Entry] = {}
        self.heads: dict[str, int] = {}
        self.intervals: dict[tuple[str, str], list[Interval]] = defaultdict(list)
        self.views: dict[tuple[str, str], View] = defaultdict(View)
        for room, entries in database.log.items():
            self.heads[room] = entries[-1].seq if entries else 0
            for entry in entries:
                self.entries[room, entry.seq] = entry
                self._membership(entry)
        for record in self.records:
            self._see(record)

    def is_member_at(self, room: str, user: str, seq: int) -> bool:
        return any(seq in interval for interval in self.intervals[room, user])

    def is_member(self, room: str, user: str) -> bool:
        """At the end."""
        mine = self.intervals[room, user]
        return bool(mine) and math.isinf(mine[-1].end)

    def _membership(self, entry: Entry) -> None:
        if entry.user is None:
            return
        mine = self.intervals[entry.room, entry.user]
        if entry.kind == JOINED:
            mine.append(Interval(entry.seq, math.inf))
        elif entry.kind == LEFT and mine:
            mine[-1] = Interval(mine[-1].start, entry.seq)

    def _see(self, record: AnyRecord) -> None:
        match record:
            case records.Device():
                self.user[record.device] = record.user
            case records.Ready():
                for room, head in record.heads.items():
                    self.views[record.device, room].begin(head)
            case records.RoomStart():
                view = self.views[record.device, record.room]
                view.starts.append(record.head)
                view.begin(record.head)
            case records.RoomEnded():
                view = self.views[record.device, record.room]
                view.position, view.ended = record.after, True
            case records.Event() if record.shown:
                view = self.views[record.device, record.room]
                view.order.append(record)
                view.shown[record.seq] = record
                view.position = record.seq
                left = record.type == LEFT and record.user == self.user[record.device]
                view.ended = left and record.source != "history"
            case _:
                pass
