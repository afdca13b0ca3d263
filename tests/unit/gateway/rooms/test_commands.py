"""Commands to the owners: when batches leave, what is in them, and what those who wait are told."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.gateway.rooms import commands as module
from services.gateway.rooms.commands import CROWD, CROWDED_SECONDS, RESEND_SECONDS, CommandSender
from services.gateway.rooms.waiters import ANSWER_SECONDS
from tests.support.virtual_time import pass_time, ticks
from tests.unit.gateway.rooms.broker import FakeLink
from warren.chassis.lifecycle import Tasks
from warren.chassis.telemetry import request_id
from warren.contracts import rooms
from warren.contracts.errors import Code, Refusal
from warren.contracts.events import Done
from warren.contracts.ids import partition_of

PARTITIONS = 2
SHARE = module.OPEN_COMMANDS // PARTITIONS
HERE = next(name for name in "abcdefgh" if partition_of(name, PARTITIONS) == 0)
THERE = next(name for name in "abcdefgh" if partition_of(name, PARTITIONS) == 1)


class Bench:
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


@pytest.fixture
async def bench(tasks: Tasks) -> AsyncIterator[Bench]:
    made = Bench(tasks)
    await made.sender.open(made.link.as_link, "gateway.g.1")
    await made.sender.start()
    await ticks()
    yield made
    await tasks.cancel_all()


async def test_a_lone_command_leaves_at_the_end_of_its_tick(bench: Bench) -> None:
    ref = bench.post()
    assert bench.refs() == []
    await ticks()
    assert bench.refs() == [[ref]]
    assert bench.channel.queues == ["messaging.rooms.0"]
    batch = bench.channel.batches[0]
    assert (batch.gateway, batch.partition, batch.number) == ("gateway.g.1", 0, 1)


async def test_a_batch_carries_the_ids_of_none_of_the_requests_that_are_in_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids: list[str] = []
    publish = bench.channel.basic_publish

    async def note(*arguments: Any, **more: Any) -> object:
        ids.append(request_id.get())
        return await publish(*arguments, **more)

    monkeypatch.setattr(bench.channel, "basic_publish", note)
    request_id.set("request-1")
    bench.post()
    await ticks()
    bench.post()
    bench.done(1)
    await ticks()
    assert ids == ["", ""]


async def test_commands_of_one_tick_leave_together_in_their_order(bench: Bench) -> None:
    refs = [bench.post() for _ in range(5)]
    await ticks()
    assert bench.refs() == [refs]


async def test_while_a_batch_is_in_flight_commands_gather_and_leave_together_when_it_is_done(bench: Bench) -> None:
    first = bench.post()
    await ticks()
    later = []
    for _ in range(4):
        later.append(bench.post())
        await ticks()
    assert bench.refs() == [[first]]
    bench.done(1)
    await ticks()
    assert bench.refs() == [[first], later]


async def test_a_crowd_is_followed_by_the_next_batch_after_a_while_with_all_that_came_meanwhile(bench: Bench) -> None:
    crowd = [bench.post() for _ in range(CROWD)]
    await ticks()
    await pass_time(CROWDED_SECONDS / 2)
    later = [bench.post()]
    bench.done(1)
    await ticks()
    assert bench.refs() == [crowd]
    later.append(bench.post())
    await pass_time(CROWDED_SECONDS / 2 - 0.001)
    assert bench.refs() == [crowd]
    await pass_time(0.001)
    assert bench.refs() == [crowd, later]
    last = bench.post()
    bench.done(2)
    await ticks()
    assert bench.refs()[2:] == [[last]], "two are no crowd"


async def test_a_crowd_that_took_long_is_followed_at_once(bench: Bench) -> None:
    for _ in range(CROWD):
        bench.post()
    await ticks()
    await pass_time(CROWDED_SECONDS)
    later = bench.post()
    bench.done(1)
    await ticks()
    assert bench.refs()[1:] == [[later]]


async def test_a_batch_that_is_full_waits_for_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_COMMANDS", CROWD)
    for _ in range(CROWD):
        bench.post()
    await ticks()
    bench.done(1)
    full = [bench.post() for _ in range(CROWD)]
    await ticks()
    assert bench.refs()[1:] == [full]


async def test_each_partition_has_its_own_batch_in_flight(bench: Bench) -> None:
    here, there = bench.post(HERE), bench.post(THERE)
    await ticks()
    assert sorted(bench.refs()) == [[here], [there]]
    waiting, next_there = bench.post(HERE), bench.post(THERE)
    bench.done(1, partition=1)
    await ticks()
    assert bench.refs()[2:] == [[next_there]]
    bench.done(1, partition=0)
    await ticks()
    assert bench.refs()[3:] == [[waiting]]


async def test_more_may_wait_where_more_is_settled_in_half_a_second(bench: Bench) -> None:
    for round_number in range(1, 2 * SHARE // module.BATCH_COMMANDS + 3):
        for _ in range(module.BATCH_COMMANDS):
            bench.post()
        await ticks()
        bench.done(round_number)
    await pass_time(module.WATCH_SECONDS * 1.1)
    waiting = bench.post()
    await ticks()
    for _ in range(SHARE + 1):  # refused when little is settled
        bench.post()
    assert waiting in bench.refs()[-1]


async def test_less_may_wait_while_the_batch_in_flight_is_slow(bench: Bench) -> None:
    bench.post()
    await ticks()
    for _ in range(module.OPEN_WHEN_SLOW // PARTITIONS):
        bench.post()
    bench.post()
    await pass_time(module.SLOW_SECONDS * 1.1)
    with pytest.raises(Refusal) as refused:
        bench.post()
    assert refused.value.code == Code.OVERLOADED


async def test_a_full_partition_refuses_what_people_do_but_not_what_keeps_their_rooms_in_step(bench: Bench) -> None:
    bench.post()
    await ticks()
    for _ in range(SHARE):
        bench.post()
    with pytest.raises(Refusal) as refused:
        bench.post()
    assert refused.value.code == Code.OVERLOADED
    assert refused.value.retry_after_ms
    bench.submit(rooms.Listen(bench.sender.next_ref(), HERE, "", 0))
    bench.post(THERE)
    assert bench.told == []


async def test_what_was_done_before_releases_nothing(bench: Bench) -> None:
    bench.post()
    await ticks()
    bench.done(1)
    bench.post()
    await ticks()
    bench.post()
    bench.done(1)
    await ticks()
    assert len(bench.refs()) == 2


async def test_a_batch_has_a_bound_and_the_rest_follows(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_COMMANDS", 4)
    refs = [bench.post() for _ in range(7)]
    await ticks()
    bench.done(1)
    await ticks()
    assert bench.refs() == [refs[:4], refs[4:]]


async def test_an_answer_goes_to_who_asked_and_once(bench: Bench) -> None:
    one, two = bench.post(), bench.post()
    await ticks()
    bench.sender.answered(rooms.Stored(two, 8, 0))
    bench.sender.answered(rooms.Stored(one, 7, 0))
    bench.sender.answered(rooms.Stored(one, 7, 0))
    assert [answer.ref for answer in bench.told] == [two, one]


@pytest.mark.parametrize(("mode", "code"), [("reject", Code.OVERLOADED), ("return", Code.UNAVAILABLE)])
async def test_what_the_broker_does_not_take_is_refused_at_once_and_the_next_batch_leaves(
    bench: Bench, mode: str, code: Code
) -> None:
    bench.channel.mode = mode
    refs = [bench.post(), bench.post()]
    await ticks()
    assert bench.refused() == [(ref, code) for ref in refs]
    assert all(answer.retry_after_ms for answer in bench.told if isinstance(answer, rooms.Refused))
    bench.channel.mode = "confirm"
    last = bench.post()
    await ticks()
    assert bench.refs()[-1] == [last]


async def test_who_waits_too_long_is_told_that_the_outcome_is_unknown_in_order_of_sending(bench: Bench) -> None:
    first = bench.post()
    await pass_time(1)
    second = bench.post(THERE)
    await pass_time(ANSWER_SECONDS - 1.5)
    assert bench.told == []
    await pass_time(1)
    assert bench.refused() == [(first, Code.DEADLINE_EXCEEDED)]
    await pass_time(1)
    assert bench.refused() == [(first, Code.DEADLINE_EXCEEDED), (second, Code.DEADLINE_EXCEEDED)]
    bench.sender.answered(rooms.Stored(first, 7, 0))
    assert len(bench.told) == 2


async def test_a_batch_that_is_not_settled_is_sent_again(bench: Bench) -> None:
    ref = bench.post()
    await pass_time(RESEND_SECONDS + 1)
    assert bench.refs() == [[ref], [ref]]
    assert [batch.number for batch in bench.channel.batches] == [1, 1]
    bench.done(1)
    await pass_time(RESEND_SECONDS * 2)
    assert len(bench.refs()) == 2


async def test_a_batch_that_is_never_settled_is_given_up_when_nobody_waits_any_more(bench: Bench) -> None:
    """Poison that kills its owners goes to the dead letters; sent again for ever it would do so for ever."""
    poison = bench.post()
    await ticks()
    after = bench.post()
    await pass_time(ANSWER_SECONDS + RESEND_SECONDS)
    sent = bench.refs()
    assert sent[0] == [poison] and [after] in sent
    copies = sent.count([poison])
    assert copies <= 3
    bench.done(2)
    await pass_time(100)
    assert bench.refs().count([poison]) == copies


async def test_nothing_is_given_up_while_there_is_no_connection(bench: Bench) -> None:
    ref = bench.post()
    await ticks()
    bench.channel.is_closed = True
    await pass_time(100)
    link = FakeLink()
    await bench.sender.open(link.as_link, "gateway.g.2")
    await ticks()
    assert [[command.ref for command in batch.commands] for batch in link.published.batches] == [[ref]]


async def test_a_repeated_batch_that_the_broker_refuses_stays_in_flight(bench: Bench) -> None:
    """Its first copy may be in the queue: `overloaded` would say that it is not."""
    ref = bench.post()
    await ticks()
    bench.channel.mode = "reject"
    await pass_time(RESEND_SECONDS + 1)
    assert bench.told == []
    bench.sender.answered(rooms.Stored(ref, 7, 0))
    bench.done(1)
    assert [type(answer) for answer in bench.told] == [rooms.Stored]


async def test_after_a_reconnect_what_was_in_flight_is_sent_again_without_what_must_not_come_late(bench: Bench) -> None:
    ref = bench.sender.next_ref
    bench.sender.submit(rooms.Unlisten(ref(), HERE, ""))
    bench.sender.submit(rooms.Typing(ref(), HERE, "ann", True))
    post = bench.post()
    listen = bench.submit(rooms.Listen(ref(), HERE, "", 4))
    await ticks()
    link = FakeLink()
    await bench.sender.open(link.as_link, "gateway.g.2")
    await ticks()
    again = link.published.batches
    assert [[command.ref for command in batch.commands] for batch in again] == [[post, listen]]
    assert (again[0].gateway, again[0].number) == ("gateway.g.2", 1)
    bench.done(1)
    later = bench.post()
    await ticks()
    assert [command.ref for command in link.published.commands] == [post, listen, later]


async def test_commands_before_the_first_connection_leave_with_it(tasks: Tasks) -> None:
    bench = Bench(tasks)
    ref = bench.post()
    await ticks()
    await bench.sender.open(bench.link.as_link, "gateway.g.1")
    await ticks()
    assert bench.refs() == [[ref]]


async def test_a_connection_lost_while_publishing_is_no_refusal(bench: Bench) -> None:
    bench.channel.mode = "lost"
    ref = bench.post()
    await ticks()
    assert bench.told == []
    link = FakeLink()
    await bench.sender.open(link.as_link, "gateway.g.2")
    await ticks()
    assert [command.ref for command in link.published.commands] == [ref]


async def test_asking_returns_what_was_stored_or_raises_what_was_refused(bench: Bench) -> None:
    async def ask() -> Any:
        return await bench.sender.ask(rooms.Post(bench.sender.next_ref(), HERE, "ann", "nonce-001", "hello"))

    good, bad = asyncio.create_task(ask()), asyncio.create_task(ask())
    await ticks()
    bench.sender.answered(rooms.Stored(1, 7, 5))
    bench.sender.answered(rooms.Refused(2, "not_found", "There is no such room.", 5))
    assert (await good).seq == 7
    with pytest.raises(Refusal) as caught:
        await bad
    assert (caught.value.code, caught.value.retry_after_ms) == (Code.NOT_FOUND, 5)


async def test_who_stopped_waiting_does_no_harm(bench: Bench) -> None:
    asking = asyncio.create_task(bench.sender.ask(rooms.Post(1, HERE, "ann", "nonce-001", "hello")))
    await ticks()
    asking.cancel()
    await ticks()
    bench.sender.answered(rooms.Stored(1, 7, 5))


async def test_stopping_waits_for_what_is_in_flight_and_for_what_gathered_behind_it(bench: Bench) -> None:
    bench.post()
    await ticks()
    behind = bench.post()
    stopping = asyncio.create_task(bench.sender.stop())
    await ticks()
    bench.done(1)
    await ticks()
    assert not stopping.done()
    bench.sender.answered(rooms.Stored(behind, 9, 0))
    bench.done(2)
    await stopping
    assert bench.told[0] == rooms.Stored(behind, 9, 0)


async def test_stopping_gives_up_after_a_while_and_says_that_the_outcome_is_unknown(bench: Bench) -> None:
    refs = [bench.post(), bench.post()]
    await ticks()
    await bench.sender.stop()
    assert bench.refused() == [(ref, Code.UNAVAILABLE) for ref in refs]
