"""Where a request's id meets the command that it led to.

Commands travel in batches and carry no ids: at thousands of messages a second that would cost, and hardly one is ever
looked for. But each has a `ref`. So when a request's command was not carried out, one line here has the request's id
and the `ref`, and the owner's line about it has the same `ref` and room.
"""

from services.gateway.rest.endpoint import Commands
from warren.chassis.telemetry import get_logger
from warren.contracts import rooms
from warren.contracts.errors import Code, Refusal

UNEXPLAINED = (Code.INTERNAL, Code.DEADLINE_EXCEEDED)
"""What the caller was refused with does not say why."""

log = get_logger("requests")


class TracedCommands:
    """The gateway's commands, for REST. Commands of sockets do not pass here."""

    def __init__(self, commands: Commands) -> None:
        self.next_ref = commands.next_ref
        self.submit = commands.submit
        self._ask = commands.ask

    async def ask(self, command: rooms.AnyCommand) -> rooms.Stored:
        """As `CommandSender.ask`. Raises Refusal."""
        try:
            return await self._ask(command)
        except Refusal as refusal:
            if refusal.code in UNEXPLAINED:
                kind = type(command).__name__
                log.warning("a command failed", code=refusal.code, kind=kind, room=command.room, ref=command.ref)
            raise
