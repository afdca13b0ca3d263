"""Commands to the owners: what those who wait are told, and what becomes of batches that nobody answers."""

import asyncio
from typing import Any

import pytest

from services.gateway.rooms.backlog import RESEND_SECONDS, UNCONFIRMED_SECONDS
from services.gateway.rooms.waiters import ANSWER_SECONDS
from tests.support.virtual_time import pass_time, ticks
from tests.unit.gateway.rooms.broker import FakeLink
from tests.unit.gateway.rooms.command_bench import HERE, THERE, CommandBench
from warren.chassis.lifecycle import Tasks
from warren.contracts import rooms
from warren.contracts.errors import Code, Refusal


async def test_an_answer_goes_to_who_asked_and_once(commands: CommandBench) -> None:
    one, two = commands.post(), commands.post()
    await ticks()
    commands.sender.answered(rooms.Stored(two, 8, 0))
    commands.sender.answered(rooms.Stored(one, 7, 0))
    commands.sender.answered(rooms.Stored(one, 7, 0))
    assert [answer.ref for answer in commands.told] == [two, one]


@pytest.mark.parametrize(("mode", "code"), [("reject", Code.OVERLOADED), ("return", Code.UNAVAILABLE)])
async def test_what_the_broker_does_not_take_is_refused_at_once_and_the_next_batch_leaves(
    commands: CommandBench, mode: str, code: Code
) -> None:
    commands.channel.mode = mode
    refs = [commands.post(), commands.post()]
    await ticks()
    assert commands.refused() == [(ref, code) for ref in refs]
    assert all(answer.retry_after_ms for answer in commands.told if isinstance(answer, rooms.Refused))
    commands.channel.mode = "confirm"
    last = commands.post()
    await ticks()
    assert commands.refs()[-1] == [last]


async def test_who_waits_too_long_is_told_that_the_outcome_is_unknown_in_order_of_sending(
    commands: CommandBench,
) -> None:
    first = commands.post()
    await pass_time(1)
    second = commands.post(THERE)
    await pass_time(ANSWER_SECONDS - 1.5)
    assert commands.told == []
    await pass_time(1)
    assert commands.refused() == [(first, Code.DEADLINE_EXCEEDED)]
    await pass_time(1)
    assert commands.refused() == [(first, Code.DEADLINE_EXCEEDED), (second, Code.DEADLINE_EXCEEDED)]
    commands.sender.answered(rooms.Stored(first, 7, 0))
    assert len(commands.told) == 2


async def test_a_batch_that_is_not_settled_is_sent_again(commands: CommandBench) -> None:
    ref = commands.post()
    await pass_time(RESEND_SECONDS + 1)
    assert commands.refs() == [[ref], [ref]]
    assert [batch.number for batch in commands.channel.batches] == [1, 1]
    commands.done(1)
    await pass_time(RESEND_SECONDS * 2)
    assert len(commands.refs()) == 2


async def test_what_the_broker_does_not_confirm_is_sent_again_soon_and_then_ever_less_often(
    commands: CommandBench,
) -> None:
    """A queue whose nodes elect a leader takes nothing, and says nothing."""
    commands.channel.mode = "hang"
    ref = commands.post()
    await pass_time(UNCONFIRMED_SECONDS + 1)
    assert commands.refs() == [[ref], [ref]]
    await pass_time(RESEND_SECONDS * 2)
    assert 3 <= len(commands.refs()) <= 5
    commands.channel.mode = "confirm"
    await pass_time(RESEND_SECONDS + 1)
    copies = len(commands.refs())
    await pass_time(RESEND_SECONDS - 1)
    assert len(commands.refs()) == copies, "the broker has it"


async def test_a_batch_that_is_never_settled_is_given_up_when_nobody_waits_any_more(commands: CommandBench) -> None:
    """Poison that kills its owners goes to the dead letters; sent again for ever it would do so for ever."""
    poison = commands.post()
    await ticks()
    after = commands.post()
    await pass_time(ANSWER_SECONDS + RESEND_SECONDS)
    sent = commands.refs()
    assert sent[0] == [poison] and [after] in sent
    copies = sent.count([poison])
    assert copies <= 3
    commands.done(2)
    await pass_time(100)
    assert commands.refs().count([poison]) == copies


async def test_nothing_is_given_up_while_there_is_no_connection(commands: CommandBench) -> None:
    ref = commands.post()
    await ticks()
    commands.channel.is_closed = True
    await pass_time(100)
    link = FakeLink()
    await commands.sender.open(link.as_link, "gateway.g.2")
    await ticks()
    assert [[command.ref for command in batch.commands] for batch in link.published.batches] == [[ref]]


async def test_a_repeated_batch_that_the_broker_refuses_stays_in_flight(commands: CommandBench) -> None:
    """Its first copy may be in the queue: `overloaded` would say that it is not."""
    ref = commands.post()
    await ticks()
    commands.channel.mode = "reject"
    await pass_time(RESEND_SECONDS + 1)
    assert commands.told == []
    commands.sender.answered(rooms.Stored(ref, 7, 0))
    commands.done(1)
    assert [type(answer) for answer in commands.told] == [rooms.Stored]


async def test_after_a_reconnect_what_was_in_flight_is_sent_again_without_what_must_not_come_late(
    commands: CommandBench,
) -> None:
    ref = commands.sender.next_ref
    commands.sender.submit(rooms.Unlisten(ref(), HERE, ""))
    commands.sender.submit(rooms.Typing(ref(), HERE, "ann", True))
    post = commands.post()
    listen = commands.submit(rooms.Listen(ref(), HERE, "", 4))
    await ticks()
    link = FakeLink()
    await commands.sender.open(link.as_link, "gateway.g.2")
    await ticks()
    again = link.published.batches
    assert [[command.ref for command in batch.commands] for batch in again] == [[post, listen]]
    assert (again[0].gateway, again[0].number) == ("gateway.g.2", 1)
    commands.done(1)
    later = commands.post()
    await ticks()
    assert [command.ref for command in link.published.commands] == [post, listen, later]


async def test_commands_before_the_first_connection_leave_with_it(tasks: Tasks) -> None:
    commands = CommandBench(tasks)
    ref = commands.post()
    await ticks()
    await commands.sender.open(commands.link.as_link, "gateway.g.1")
    await ticks()
    assert commands.refs() == [[ref]]


async def test_a_connection_lost_while_publishing_is_no_refusal(commands: CommandBench) -> None:
    commands.channel.mode = "lost"
    ref = commands.post()
    await ticks()
    assert commands.told == []
    link = FakeLink()
    await commands.sender.open(link.as_link, "gateway.g.2")
    await ticks()
    assert [command.ref for command in link.published.commands] == [ref]


async def test_asking_returns_what_was_stored_or_raises_what_was_refused(commands: CommandBench) -> None:
    async def ask() -> Any:
        return await commands.sender.ask(rooms.Post(commands.sender.next_ref(), HERE, "ann", "nonce-001", "hello"))

    good, bad = asyncio.create_task(ask()), asyncio.create_task(ask())
    await ticks()
    commands.sender.answered(rooms.Stored(1, 7, 5))
    commands.sender.answered(rooms.Refused(2, "not_found", "There is no such room.", 5))
    assert (await good).seq == 7
    with pytest.raises(Refusal) as caught:
        await bad
    assert (caught.value.code, caught.value.retry_after_ms) == (Code.NOT_FOUND, 5)


async def test_who_stopped_waiting_does_no_harm(commands: CommandBench) -> None:
    asking = asyncio.create_task(commands.sender.ask(rooms.Post(1, HERE, "ann", "nonce-001", "hello")))
    await ticks()
    asking.cancel()
    await ticks()
    commands.sender.answered(rooms.Stored(1, 7, 5))


async def test_stopping_waits_for_what_is_in_flight_and_for_what_gathered_behind_it(commands: CommandBench) -> None:
    commands.post()
    await ticks()
    behind = commands.post()
    stopping = asyncio.create_task(commands.sender.stop())
    await ticks()
    commands.done(1)
    await ticks()
    assert not stopping.done()
    commands.sender.answered(rooms.Stored(behind, 9, 0))
    commands.done(2)
    await stopping
    assert commands.told[0] == rooms.Stored(behind, 9, 0)


async def test_stopping_gives_up_after_a_while_and_says_that_the_outcome_is_unknown(commands: CommandBench) -> None:
    refs = [commands.post(), commands.post()]
    await ticks()
    await commands.sender.stop()
    assert commands.refused() == [(ref, Code.UNAVAILABLE) for ref in refs]
