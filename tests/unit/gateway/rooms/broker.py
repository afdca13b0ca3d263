"""The broker as the gateway sees it: keeps what is published, confirms it or not."""

import asyncio
from typing import Any, cast

from aiormq.abc import DeliveredMessage
from aiormq.exceptions import DeliveryError
from pamqp.commands import Basic

from warren.chassis.broker import Link
from warren.contracts.codec import decode
from warren.contracts.rooms import AnyCommand, CommandBatch


class FakeChannel:
    """`mode` says what happens to a message: `confirm`, `reject` (the queue is full), `return` (there is none), `hang`
    (no answer), `lost` (the connection goes)."""

    def __init__(self) -> None:
        self.is_closed = False
        self.mode = "confirm"
        self.batches: list[CommandBatch] = []
        self.queues: list[str] = []

    async def basic_publish(self, body: bytes, *, routing_key: str, mandatory: bool, **_more: Any) -> object:
        assert mandatory, "a command batch must not vanish unnoticed"
        self.queues.append(routing_key)
        self.batches.append(decode(body, CommandBatch))
        match self.mode:
            case "reject":
                raise DeliveryError(None, Basic.Nack())
            case "return":
                return DeliveredMessage(Basic.Return(), None, b"", None)  # type: ignore[arg-type]
            case "lost":
                raise ConnectionError("lost")
            case "hang":
                await asyncio.get_running_loop().create_future()
        return Basic.Ack()

    @property
    def commands(self) -> list[AnyCommand]:
        """All commands published so far."""
        return [command for batch in self.batches for command in batch.commands]


class FakeLink:
    """A connection whose only channel is `published`."""

    def __init__(self) -> None:
        self.published = FakeChannel()

    async def channel(self, **_more: Any) -> FakeChannel:
        return self.published

    @property
    def as_link(self) -> Link:
        return cast(Link, self)
