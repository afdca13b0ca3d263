"""Commands to the owners: when batches leave, what is in them, and how much may wait."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.gateway.rooms import commands as module
from services.gateway.rooms.commands import CROWD, CROWDED_SECONDS
from tests.support.virtual_time import pass_time, ticks
from tests.unit.gateway.rooms.command_bench import HERE, PARTITIONS, SHARE, THERE, CommandBench
from warren.chassis.lifecycle import Tasks
from warren.chassis.telemetry import request_id
from warren.contracts import rooms
from warren.contracts.errors import Code, Refusal


@pytest.fixture
async def bench(tasks: Tasks) -> AsyncIterator[CommandBench]:
    made = CommandBench(tasks)
    await made.sender.open(made.link.as_link, "gateway.g.1")
    await made.sender.start()
    await ticks()
    yield made
    await tasks.cancel_all()


async def test_a_lone_command_leaves_at_the_end_of_its_tick(bench: CommandBench) -> None:
    ref = bench.post()
    assert bench.refs() == []
    await ticks()
    assert bench.refs() == [[ref]]
    assert bench.channel.queues == ["messaging.rooms.0"]
    batch = bench.channel.batches[0]
    assert (batch.gateway, batch.partition, batch.number) == ("gateway.g.1", 0, 1)


async def test_a_batch_carries_the_ids_of_none_of_the_requests_that_are_in_it(
    bench: CommandBench, monkeypatch: pytest.MonkeyPatch
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


async def test_commands_of_one_tick_leave_together_in_their_order(bench: CommandBench) -> None:
    refs = [bench.post() for _ in range(5)]
    await ticks()
    assert bench.refs() == [refs]


async def test_while_a_batch_is_in_flight_commands_gather_and_leave_together_when_it_is_done(
    bench: CommandBench,
) -> None:
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


async def test_a_crowd_is_followed_by_the_next_batch_after_a_while_with_all_that_came_meanwhile(
    bench: CommandBench,
) -> None:
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


async def test_a_crowd_that_took_long_is_followed_at_once(bench: CommandBench) -> None:
    for _ in range(CROWD):
        bench.post()
    await ticks()
    await pass_time(CROWDED_SECONDS)
    later = bench.post()
    bench.done(1)
    await ticks()
    assert bench.refs()[1:] == [[later]]


async def test_a_batch_that_is_full_waits_for_nothing(bench: CommandBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_COMMANDS", CROWD)
    for _ in range(CROWD):
        bench.post()
    await ticks()
    bench.done(1)
    full = [bench.post() for _ in range(CROWD)]
    await ticks()
    assert bench.refs()[1:] == [full]


async def test_each_partition_has_its_own_batch_in_flight(bench: CommandBench) -> None:
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


async def test_more_may_wait_where_more_is_settled_in_half_a_second(bench: CommandBench) -> None:
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


async def test_less_may_wait_while_the_batch_in_flight_is_slow(bench: CommandBench) -> None:
    bench.post()
    await ticks()
    for _ in range(module.OPEN_WHEN_SLOW // PARTITIONS):
        bench.post()
    bench.post()
    await pass_time(module.SLOW_SECONDS * 1.1)
    with pytest.raises(Refusal) as refused:
        bench.post()
    assert refused.value.code == Code.OVERLOADED


async def test_a_full_partition_refuses_what_people_do_but_not_what_keeps_their_rooms_in_step(
    bench: CommandBench,
) -> None:
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


async def test_what_was_done_before_releases_nothing(bench: CommandBench) -> None:
    bench.post()
    await ticks()
    bench.done(1)
    bench.post()
    await ticks()
    bench.post()
    bench.done(1)
    await ticks()
    assert len(bench.refs()) == 2


async def test_a_batch_has_a_bound_and_the_rest_follows(bench: CommandBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_COMMANDS", 4)
    refs = [bench.post() for _ in range(7)]
    await ticks()
    bench.done(1)
    await ticks()
    assert bench.refs() == [refs[:4], refs[4:]]
