"""Commands to the owners: when batches leave, what is in them, and how much may wait."""

from typing import Any

import pytest

from services.gateway.rooms import backlog as module
from services.gateway.rooms.backlog import CROWD, CROWDED_SECONDS
from services.gateway.rooms.commands import WATCH_SECONDS
from tests.support.virtual_time import pass_time, ticks
from tests.unit.gateway.rooms.command_bench import HERE, PARTITIONS, SHARE, THERE, CommandBench
from warren.chassis.telemetry import request_id
from warren.contracts import rooms
from warren.contracts.errors import Code, Refusal


async def test_a_lone_command_leaves_at_the_end_of_its_tick(commands: CommandBench) -> None:
    ref = commands.post()
    assert commands.refs() == []
    await ticks()
    assert commands.refs() == [[ref]]
    assert commands.channel.queues == ["messaging.rooms.0"]
    batch = commands.channel.batches[0]
    assert (batch.gateway, batch.partition, batch.number) == ("gateway.g.1", 0, 1)


async def test_a_batch_carries_the_ids_of_none_of_the_requests_that_are_in_it(
    commands: CommandBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids: list[str] = []
    publish = commands.channel.basic_publish

    async def note(*arguments: Any, **more: Any) -> object:
        ids.append(request_id.get())
        return await publish(*arguments, **more)

    monkeypatch.setattr(commands.channel, "basic_publish", note)
    request_id.set("request-1")
    commands.post()
    await ticks()
    commands.post()
    commands.done(1)
    await ticks()
    assert ids == ["", ""]


async def test_commands_of_one_tick_leave_together_in_their_order(commands: CommandBench) -> None:
    refs = [commands.post() for _ in range(5)]
    await ticks()
    assert commands.refs() == [refs]


async def test_while_a_batch_is_in_flight_commands_gather_and_leave_together_when_it_is_done(
    commands: CommandBench,
) -> None:
    first = commands.post()
    await ticks()
    later = []
    for _ in range(4):
        later.append(commands.post())
        await ticks()
    assert commands.refs() == [[first]]
    commands.done(1)
    await ticks()
    assert commands.refs() == [[first], later]


async def test_what_is_kept_apart_in_one_partition_leaves_by_its_own_time(commands: CommandBench) -> None:
    """The other partition's next batch, which waits already, is due later."""
    for _ in range(CROWD):
        commands.post(HERE)
    await ticks()
    await pass_time(CROWDED_SECONDS * 0.5)
    for _ in range(CROWD):
        commands.post(THERE)
    await ticks()
    commands.done(1, partition=1)
    later = commands.post(THERE)
    await ticks()
    commands.done(1, partition=0)
    sooner = commands.post(HERE)
    await pass_time(CROWDED_SECONDS * 0.6)
    assert commands.refs()[2:] == [[sooner]]
    await pass_time(CROWDED_SECONDS * 0.5)
    assert commands.refs()[2:] == [[sooner], [later]]


async def test_a_crowd_is_followed_by_the_next_batch_after_a_while_with_all_that_came_meanwhile(
    commands: CommandBench,
) -> None:
    crowd = [commands.post() for _ in range(CROWD)]
    await ticks()
    await pass_time(CROWDED_SECONDS / 2)
    later = [commands.post()]
    commands.done(1)
    await ticks()
    assert commands.refs() == [crowd]
    later.append(commands.post())
    await pass_time(CROWDED_SECONDS / 2 - 0.001)
    assert commands.refs() == [crowd]
    await pass_time(0.001)
    assert commands.refs() == [crowd, later]
    last = commands.post()
    commands.done(2)
    await ticks()
    assert commands.refs()[2:] == [[last]], "two are no crowd"


async def test_a_crowd_that_took_long_is_followed_at_once(commands: CommandBench) -> None:
    for _ in range(CROWD):
        commands.post()
    await ticks()
    await pass_time(CROWDED_SECONDS)
    later = commands.post()
    commands.done(1)
    await ticks()
    assert commands.refs()[1:] == [[later]]


async def test_a_batch_that_is_full_waits_for_nothing(commands: CommandBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_COMMANDS", CROWD)
    for _ in range(CROWD):
        commands.post()
    await ticks()
    commands.done(1)
    full = [commands.post() for _ in range(CROWD)]
    await ticks()
    assert commands.refs()[1:] == [full]


async def test_each_partition_has_its_own_batch_in_flight(commands: CommandBench) -> None:
    here, there = commands.post(HERE), commands.post(THERE)
    await ticks()
    assert sorted(commands.refs()) == [[here], [there]]
    waiting, next_there = commands.post(HERE), commands.post(THERE)
    commands.done(1, partition=1)
    await ticks()
    assert commands.refs()[2:] == [[next_there]]
    commands.done(1, partition=0)
    await ticks()
    assert commands.refs()[3:] == [[waiting]]


async def test_more_may_wait_where_more_is_settled_in_half_a_second(commands: CommandBench) -> None:
    for round_number in range(1, 2 * SHARE // module.BATCH_COMMANDS + 3):
        for _ in range(module.BATCH_COMMANDS):
            commands.post()
        await ticks()
        commands.done(round_number)
    await pass_time(WATCH_SECONDS * 1.1)
    waiting = commands.post()
    await ticks()
    for _ in range(SHARE + 1):  # refused when little is settled
        commands.post()
    assert waiting in commands.refs()[-1]


async def test_less_may_wait_while_the_batch_in_flight_is_slow(commands: CommandBench) -> None:
    commands.post()
    await ticks()
    for _ in range(module.OPEN_WHEN_SLOW // PARTITIONS):
        commands.post()
    commands.post()
    await pass_time(module.SLOW_SECONDS * 1.1)
    with pytest.raises(Refusal) as refused:
        commands.post()
    assert refused.value.code == Code.OVERLOADED


async def test_a_full_partition_refuses_what_people_do_but_not_what_keeps_their_rooms_in_step(
    commands: CommandBench,
) -> None:
    commands.post()
    await ticks()
    for _ in range(SHARE):
        commands.post()
    with pytest.raises(Refusal) as refused:
        commands.post()
    assert refused.value.code == Code.OVERLOADED
    assert refused.value.retry_after_ms
    commands.submit(rooms.Listen(commands.sender.next_ref(), HERE, "", 0))
    commands.post(THERE)
    assert commands.told == []


async def test_what_was_done_before_releases_nothing(commands: CommandBench) -> None:
    commands.post()
    await ticks()
    commands.done(1)
    commands.post()
    await ticks()
    commands.post()
    commands.done(1)
    await ticks()
    assert len(commands.refs()) == 2


async def test_a_batch_has_a_bound_and_the_rest_follows(
    commands: CommandBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_COMMANDS", 4)
    refs = [commands.post() for _ in range(7)]
    await ticks()
    commands.done(1)
    await ticks()
    assert commands.refs() == [refs[:4], refs[4:]]
