"""Read marks of this gateway's users: only the latest of a room counts, so they leave once in a while, together."""

import asyncio

from services.gateway.rooms.commands import CommandSender
from warren.chassis.telemetry import get_logger
from warren.contracts import rooms
from warren.contracts.errors import Refusal

GATHER_SECONDS = 0.25
log = get_logger("reads")


class ReadMarks:
    """Gathers marks for GATHER_SECONDS."""

    def __init__(self, commands: CommandSender) -> None:
        self._commands = commands
        self._marks: dict[tuple[str, str], int] = {}

    def mark(self, room: str, user: str, seq: int) -> None:
        if not self._marks:
            asyncio.get_running_loop().call_later(GATHER_SECONDS, self.flush)
        key = (room, user)
        self._marks[key] = max(seq, self._marks.get(key, 0))

    def flush(self) -> None:
        marks, self._marks = self._marks, {}
        for (room, user), seq in marks.items():
            try:
                self._commands.submit(rooms.Read(self._commands.next_ref(), room, user, seq))
            except Refusal:  # overloaded: the next mark of this reader says it again
                log.info("a read mark was dropped", room=room)
