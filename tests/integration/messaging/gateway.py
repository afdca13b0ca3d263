"""A gateway's end of the message path: commands out as batches, one queue for all that comes back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiormq.channel import Channel
from pamqp.commands import Basic

from tests.support.calls import Caller, caller
from tests.support.spaces import Space
from warren.chassis.channel import Delivery, declare, publish
from warren.contracts import rooms
from warren.contracts.codec import decode, encode
from warren.contracts.events import EventBatch
from warren.contracts.ids import new_id, partition_of
from warren.contracts.topology import gateway_queue, partition_queue

PARTITIONS = 4
PERSISTENT = Basic.Properties(delivery_mode=2)


class Gateway:
    """Does not resend anything by itself: what is answered twice or not at all shows."""

    def __init__(self, link: Caller, out: Channel, queue: str) -> None:
        self.rpc = link.rpc
        self.queue = queue
        self.batches: list[EventBatch] = []
        self.done: list[tuple[int, int]] = []
        self._out = out
        self._answers: dict[int, list[rooms.Answer]] = {}
        self._news = asyncio.Condition()
        self._refs = 0
        self._numbers = 0

    # Commands

    def post(self, room: str, nonce: str, user: str = "ann") -> rooms.Post:
        return rooms.Post(self.ref(), room, user, nonce, f"body of {nonce}")

    def create(self, room: str, *members: str) -> rooms.Create:
        return rooms.Create(self.ref(), room, "ann", f"op-create-{room}", "group", "R", None, True, list(members))

    def listen(self, room: str, after: int = 0) -> rooms.Listen:
        return rooms.Listen(self.ref(), room, "", after)

    def ref(self) -> int:
        self._refs += 1
        return self._refs

    async def send(self, *commands: rooms.AnyCommand) -> int:
        """Publish one batch, confirmed. All commands must be of one partition. Returns its number."""
        [partition] = {partition_of(command.room, PARTITIONS) for command in commands}
        self._numbers += 1
        await self.send_bytes(
            partition, encode(rooms.CommandBatch(self.queue, partition, self._numbers, list(commands)))
        )
        return self._numbers

    async def send_bytes(self, partition: int, body: bytes) -> None:
        await publish(self._out, partition_queue(partition).name, body, mandatory=True, properties=PERSISTENT)

    async def ask(self, *commands: rooms.AnyCommand, seconds: float = 40) -> list[rooms.Answer]:
        """Send one batch and wait for the answers, in the order of the commands."""
        await self.send(*commands)
        return [await self.answer(command.ref, seconds) for command in commands]

    async def seqs(self, *commands: rooms.AnyCommand, seconds: float = 40) -> list[int]:
        """`ask` for commands that are stored."""
        answers = await self.ask(*commands, seconds=seconds)
        assert all(isinstance(answer, rooms.Stored) for answer in answers), answers
        return [answer.seq for answer in answers if isinstance(answer, rooms.Stored)]

    # What came back

    async def answer(self, ref: int, seconds: float = 40) -> rooms.Answer:
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: ref in self._answers)
        return self._answers[ref][0]

    def answers(self, ref: int) -> list[rooms.Answer]:
        """All that a command was answered so far."""
        return self._answers.get(ref, [])

    def events(self, room: str) -> list[rooms.RoomEvent]:
        """In the order in which they came, with repetitions."""
        news = [each for batch in self.batches for each in batch.rooms if each.room == room]
        return [event for each in news for event in each.events]

    async def until_event(self, room: str, seq: int, seconds: float = 40) -> None:
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: any(event.seq == seq for event in self.events(room)))

    @property
    def sources(self) -> list[str]:
        return [batch.source for batch in self.batches]

    async def _on_delivery(self, delivery: Delivery) -> None:
        if delivery.header.properties.message_type is not None:
            return
        batch = decode(delivery.body, EventBatch)
        async with self._news:
            self.batches.append(batch)
            for answer in batch.answers:
                self._answers.setdefault(answer.ref, []).append(answer)
            self.done += [(done.partition, done.number) for done in batch.done]
            self._news.notify_all()


@asynccontextmanager
async def gateway(space: Space) -> AsyncIterator[Gateway]:
    async with caller(space) as link:
        queue = gateway_queue(f"test.{new_id()}")
        inward = await link.link.channel(confirms=False)
        made = Gateway(link, await link.link.channel(), queue.name)
        await declare(inward, queue)
        await inward.basic_consume(queue.name, made._on_delivery, no_ack=True)
        yield made


def log_of(space: Space, room: str) -> list[dict[str, Any]]:
    """The stored entries of a room, ascending."""
    with space.mongo() as client:
        runs = client.get_default_database()["room_log"].find({"_id.room": room}).sort("_id.seq", 1)
        return [entry for run in runs for entry in run["entries"]]


def check_log(space: Space, room: str) -> list[dict[str, Any]]:
    """Contiguous from 1, no command twice. Returns the entries."""
    entries = log_of(space, room)
    assert [entry["seq"] for entry in entries] == list(range(1, len(entries) + 1))
    nonces = [(entry["sender"], entry["nonce"]) for entry in entries if "nonce" in entry]
    assert len(nonces) == len(set(nonces))
    return entries


def check_events(events: list[rooms.RoomEvent]) -> None:
    """No gap and no reorder once repetitions are dropped, as gateways drop them."""
    head = events[0].seq - 1
    for event in events:
        if event.seq > head:
            assert event.seq == head + 1, f"{event.seq} after {head}"
            head = event.seq
