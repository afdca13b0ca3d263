"""A `CommandSender` between a broker and those who wait, none of which needs a server."""

import asyncio

from services.gateway.rooms import backlog as module
from services.gateway.rooms.commands import CommandSender
from tests.unit.gateway.rooms.broker import FakeLink
from warren.chassis.lifecycle import Tasks
from warren.contracts import rooms
from warren.contracts.events import Done
from warren.contracts.ids import partition_of

PARTITIONS = 2
SHARE = module.OPEN_COMMANDS // PARTITIONS
HERE = next(name for name in "abcdefgh" if partition_of(name, PARTITIONS) == 0)
THERE = next(name for name in "abcdefgh" if partition_of(name, PARTITIONS) == 1)


class CommandBench:
    """A sender on an open connection, and what its waiters were told."""

    def __init__(self, tasks: Tasks) -> None:
        self.sender = CommandSender(PARTITIONS, tasks, now=asyncio.get_running_loop().time)
        self.link = FakeLink()
        self.channel = self.link.published
        self.told: list[rooms.Answer] = []

    def post(self, room: str = HERE, nonce: str = "nonce-000") -> int:
        return self.submit(rooms.Post(self.sender.next_ref(), room, "ann", nonce, "hello"))

    def submit(self, command: rooms.AnyCommand) -> int:
        self.sender.submit(command, self.told.append)
        return command.ref

    def done(self, number: int, partition: int = 0) -> None:
        self.sender.done(Done(partition, number))

    def refs(self) -> list[list[int]]:
        return [[command.ref for command in batch.commands] for batch in self.channel.batches]

    def refused(self) -> list[tuple[int, str]]:
        return [(answer.ref, answer.code) for answer in self.told if isinstance(answer, rooms.Refused)]
