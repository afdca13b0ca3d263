"""Commands that cannot be carried out: kept with their reason, while other rooms go on."""

from datetime import UTC, datetime

from aiormq.channel import Channel
from aiormq.exceptions import AMQPError
from pamqp.commands import Basic

from warren.chassis.broker import Link
from warren.chassis.channel import declare, publish
from warren.chassis.telemetry import get_logger
from warren.contracts.codec import encode
from warren.contracts.rooms import AnyCommand, CommandBatch
from warren.contracts.topology import ROOMS_DEAD

log = get_logger("dead-letters")


class DeadLetters:
    """Puts single commands into the dead-letter queue, as batches of their own that nobody waits for."""

    def __init__(self) -> None:
        self._channel: Channel | None = None

    async def open(self, link: Link) -> None:
        self._channel = await link.channel()
        await declare(self._channel, ROOMS_DEAD)

    async def put_aside(self, command: AnyCommand, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"[:1000]
        kind = type(command).__name__
        # A request is found by `ref`: its gateway logs it with the request's id.
        log.error("a command goes to the dead letters", kind=kind, room=command.room, ref=command.ref, exc_info=error)
        batch = CommandBatch("", 0, 0, [command])
        now = datetime.now(UTC)
        properties = Basic.Properties(delivery_mode=2, timestamp=now, headers={"x-reason": reason})
        try:
            if self._channel is None or self._channel.is_closed:
                raise ConnectionError("no connection")
            await publish(self._channel, ROOMS_DEAD.name, encode(batch), properties=properties)
        except (AMQPError, ConnectionError) as lost:
            log.error("the dead letter itself is lost; its sender was told", error=str(lost))
