"""What one device shows of its rooms: every event once, in order; what is missing is asked for, or loaded."""

import time
from collections.abc import Callable, Coroutine
from typing import Any

from tests.faults import observed, records
from tests.faults.people import Person, Rest, RestError
from tests.faults.records import Recorder
from tests.faults.wire import Line

HISTORY_LIMIT = 200


class Seen:
    """`last`: by room the seq up to which everything is shown; a room that is not in it is not the user's."""

    def __init__(
        self,
        name: str,
        person: Person,
        rest: Rest,
        recorder: Recorder,
        line: Line,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._name = name
        self._person = person
        self._rest = rest
        self._recorder = recorder
        self._line = line
        self._spawn = spawn
        self._held: dict[str, dict[int, Any]] = {}
        self._loading: set[str] = set()
        self._hello_rooms: dict[str, int] = {}
        self.last: dict[str, int] = {}

    def forget_held(self) -> None:
        """There is to be another connection: what is missing comes over that one."""
        self._held.clear()

    def resume(self) -> dict[str, int]:
        """The rooms to say in `hello`."""
        self._hello_rooms = dict(self.last)
        return self._hello_rooms

    # What comes

    def on_ready(self, frame: Any) -> None:
        now, mine = time.monotonic(), frame["rooms"]
        for room in [room for room in self.last if room not in mine]:
            self._recorder.add(records.RoomEnded(now, self._name, room, self.last.pop(room)))
        heads = {room: head for room, head in mine.items() if room not in self._hello_rooms}
        resumed = {room: self._hello_rooms[room] for room in mine if room in self._hello_rooms}
        self.last.update(heads)
        self._recorder.add(records.Ready(now, self._name, self._line.number, frame["server_id"], heads, resumed))

    def on_event(self, frame: Any) -> None:
        room, seq = frame["room"], frame["seq"]
        last = self.last.get(room)
        shown = last is not None and seq == last + 1 and room not in self._loading
        self._record(frame, "live", shown)
        if shown:
            self._show(frame)
            self._show_held(room)
        elif last is not None and seq > last:
            held = self._held.setdefault(room, {})
            if not held and room not in self._loading and self._line.wire is not None:
                self._recorder.add(records.Synced(time.monotonic(), self._name, self._line.number, room, last))
                self._line.wire.send(op="sync", room=room, after=last)
            held[seq] = frame

    def on_notice(self, frame: Any) -> None:
        if frame["kind"] == "room_added":
            room, head = frame["room"], frame["head"]
            self._recorder.add(records.RoomStart(time.monotonic(), self._name, self._line.number, room, head))
            self.last[room] = max(head, self.last.get(room, 0))

    def on_reset(self, frame: Any) -> None:
        room, head = frame["room"], frame["head"]
        self._recorder.add(records.RoomReset(time.monotonic(), self._name, self._line.number, room, head))
        if room not in self._loading:
            self._loading.add(room)
            self._spawn(self._load(room, head))

    # Showing

    def _show(self, frame: Any, *, history: bool = False) -> None:
        """In history one's own leaving is not the end: who may load it has come back since."""
        room, seq = frame["room"], frame["seq"]
        self.last[room] = seq
        if frame["type"] == "member.left" and frame["user"] == self._person.id and not history:
            del self.last[room]
            self._held.pop(room, None)

    def _show_held(self, room: str) -> None:
        held = self._held.get(room)
        while held and room in self.last:
            for seq in [seq for seq in held if seq <= self.last[room]]:
                del held[seq]
            frame = held.pop(self.last[room] + 1, None)
            if frame is None:
                break
            self._record(frame, "held", True)
            self._show(frame)

    def _record(self, frame: Any, source: str, shown: bool) -> None:
        self._recorder.add(observed.event(self._name, self._line.number, frame, source, shown))

    async def _load(self, room: str, head: int) -> None:
        """Everything up to `head` by REST; what comes live meanwhile is held."""
        try:
            while room in self.last and self.last[room] < head:
                token = await self._person.token(self._rest)
                path = f"/rooms/{room}/events"
                page = await self._rest.call("GET", path, token, after=self.last[room], limit=HISTORY_LIMIT)
                if not page["events"]:
                    break
                for event in page["events"]:
                    if room in self.last and event["seq"] == self.last[room] + 1:
                        self._record(event, "history", True)
                        self._show(event, history=True)
        except RestError:  # removed meanwhile
            after = self.last.pop(room, None)
            if after is not None:
                self._recorder.add(records.RoomEnded(time.monotonic(), self._name, room, after))
        finally:
            self._loading.discard(room)
        self._show_held(room)
