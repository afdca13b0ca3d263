"""This gateway's queue: everything reaches whom it concerns, and lost batches are noticed."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from services.gateway.rooms.commands import CommandSender
from services.gateway.rooms.local_room import LocalRoom
from services.gateway.rooms.local_rooms import LocalRooms
from services.gateway.rooms.receiver import SETTLE_EVERY, Receiver
from services.gateway.sockets.outbound import Flusher
from tests.support.virtual_time import ticks
from warren.chassis.broker import Link
from warren.contracts import rooms
from warren.contracts.codec import encode
from warren.contracts.events import (
    NOTICE_TYPE,
    Done,
    EventBatch,
    MemberAdded,
    RoomEvents,
    SessionRevoked,
    Transient,
)


class Channel:
    """The consuming channel; what is published to the queue is delivered at once."""

    def __init__(self) -> None:
        self.is_closed = False
        self.declared: list[str] = []
        self.bound: list[tuple[str, str]] = []
        self.settled: list[int] = []
        self.consumer: Callable[[DeliveredMessage], Any] | None = None
        self.swallows = False
        self._tag = 0

    async def exchange_declare(self, *_: Any, **__: Any) -> None: ...

    async def queue_declare(self, name: str, **_: Any) -> None:
        self.declared.append(name)

    async def queue_bind(self, queue: str, exchange: str) -> None:
        self.bound.append((queue, exchange))

    async def basic_consume(self, _queue: str, consumer: Callable[[DeliveredMessage], Any]) -> None:
        self.consumer = consumer

    async def basic_publish(self, body: bytes, *, routing_key: str, properties: Basic.Properties, wait: bool) -> None:
        assert routing_key == self.declared[-1] and not wait
        if not self.swallows:
            await self.deliver(body, properties.message_type)

    async def basic_ack(self, tag: int, *, multiple: bool, wait: bool) -> None:
        assert multiple and not wait
        self.settled.append(tag)

    async def deliver(self, body: bytes, kind: str | None = None) -> None:
        self._tag += 1
        header = ContentHeader(properties=Basic.Properties(message_type=kind))
        delivery = Basic.Deliver(delivery_tag=self._tag)
        assert self.consumer is not None
        await self.consumer(DeliveredMessage(delivery, header, body, cast(Any, self)))


class Bench:
    """A receiver whose neighbours write down what they are told, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.repaired: list[list[str]] = []
        self.queue = ""
        self.channel = Channel()
        self.receiver = Receiver(
            "g",
            commands=cast(CommandSender, self),
            local_rooms=cast(LocalRooms, self),
            flusher=cast(Flusher, self),
            on_presence=lambda notice: self.told.append(("presence", notice)),
            on_revoked=lambda notice: self.told.append(("revoked", notice)),
            on_moved=lambda queue: self.told.append(("moved", queue)),
        )

    async def channel_of(self, **_: Any) -> Channel:
        return self.channel

    async def connect(self) -> None:
        self.channel = Channel()
        link = cast(Any, type("L", (), {"channel": lambda _self, **_: self.channel_of()})())
        await self.receiver.open(link)

    async def batch(self, source: str, n: int, **parts: Any) -> None:
        empty: dict[str, Any] = {"answers": [], "rooms": [], "transients": [], "done": []}
        await self.channel.deliver(encode(EventBatch(source, n, **(empty | parts))))

    # As CommandSender

    async def open(self, _link: Link, queue: str) -> None:
        self.queue = queue

    def answered(self, answer: rooms.Answer) -> None:
        self.told.append(("answer", answer.ref))

    def done(self, done: Done) -> None:
        self.told.append(("done", done.number))

    # As LocalRooms

    def on_events(self, events: RoomEvents) -> None:
        self.told.append(("events", events.room))

    def on_transient(self, news: Transient) -> None:
        self.told.append(("transient", news.room))

    def on_added(self, notice: MemberAdded) -> None:
        self.told.append(("added", notice.room))

    def repair(self, chosen: Callable[[LocalRoom], bool]) -> None:
        self.repaired.append([name for name in ("a", "b") if chosen(LocalRoom(name))])

    # As Flusher

    def flush(self) -> None:
        self.told.append(("flush",))


@pytest.fixture
async def bench() -> Bench:
    made = Bench()
    await made.connect()
    made.told.clear()
    made.repaired.clear()
    return made


async def test_each_connection_has_a_queue_of_its_own_that_also_gets_notices(bench: Bench) -> None:
    assert bench.channel.declared == ["gateway.g.1"] and bench.queue == "gateway.g.1"
    assert bench.channel.bound == [("gateway.g.1", "warren.notices")]
    await bench.connect()
    assert bench.queue == "gateway.g.2"
    assert bench.repaired == [["a", "b"]]
    assert bench.told == [("moved", "gateway.g.2")]


async def test_a_batch_is_applied_in_the_order_of_its_parts_and_written_to_the_sockets_once(bench: Bench) -> None:
    listening = rooms.Listening(2, "a", 5, [], [])
    await bench.batch(
        "one",
        1,
        answers=[rooms.Stored(1, 5, 0), listening],
        rooms=[RoomEvents("a", [rooms.RoomEvent(6, b"{}")])],
        transients=[Transient("a", b"{}", "ann")],
        done=[Done(0, 3)],
    )
    assert bench.told == [
        ("answer", 1),
        ("answer", 2),
        ("events", "a"),
        ("transient", "a"),
        ("done", 3),
        ("flush",),
    ]
    assert bench.repaired == []


async def test_a_jump_in_a_sources_numbers_repairs_all_rooms_as_it_may_have_got_some_of_another(bench: Bench) -> None:
    await bench.batch("one", 1)
    await bench.batch("two", 1)
    await bench.batch("one", 2)
    assert bench.repaired == []
    await bench.batch("one", 4)
    assert bench.repaired == [["a", "b"]]
    await bench.batch("one", 5)
    await bench.batch("two", 2)
    assert len(bench.repaired) == 1


async def test_a_source_whose_first_batch_is_missing_is_noticed(bench: Bench) -> None:
    await bench.batch("three", 2)
    assert bench.repaired == [["a", "b"]]


async def test_numbers_begin_anew_with_each_connection(bench: Bench) -> None:
    await bench.batch("one", 1)
    await bench.batch("one", 2)
    await bench.connect()
    bench.repaired.clear()
    await bench.batch("one", 1)
    assert bench.repaired == []


async def test_notices_reach_who_handles_them(bench: Bench) -> None:
    await bench.channel.deliver(encode(MemberAdded("a", ["ann"])), NOTICE_TYPE)
    await bench.channel.deliver(encode(SessionRevoked("ann", ["s"])), NOTICE_TYPE)
    assert bench.told == [("added", "a"), ("revoked", SessionRevoked("ann", ["s"]))]


async def test_what_cannot_be_decoded_is_passed_over(bench: Bench) -> None:
    await bench.channel.deliver(b"\xc1")
    await bench.channel.deliver(b"\xc1", NOTICE_TYPE)
    await bench.batch("one", 1)
    assert bench.told == [("flush",)]


async def test_deliveries_are_settled_by_the_hundred(bench: Bench) -> None:
    for number in range(SETTLE_EVERY * 2 + 1):
        await bench.batch("one", number + 1)
    assert bench.channel.settled == [SETTLE_EVERY, SETTLE_EVERY * 2]


async def test_the_canary_comes_round_or_the_check_fails(bench: Bench) -> None:
    assert "came round" in await bench.receiver.check()
    bench.channel.swallows = True
    with pytest.raises(TimeoutError):
        await bench.receiver.check()
    bench.channel.is_closed = True
    with pytest.raises(ConnectionError):
        await bench.receiver.check()
    await ticks()
    assert not asyncio.all_tasks() - {asyncio.current_task()}
