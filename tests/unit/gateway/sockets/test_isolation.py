"""When a gateway takes itself for cut off, and when it sends its sockets to others."""

from collections.abc import AsyncIterator

import pytest

from services.gateway.isolation import (
    SILENT_TICKS,
    TICK_SECONDS,
    UNKNOWN_TICKS,
    WELL_TICKS,
    Isolation,
)
from tests.support.virtual_time import pass_time
from warren.chassis.lifecycle import Tasks


class Bench:
    """A broker that can be away or mute, and other gateways that are well (or not, or not to be asked)."""

    def __init__(self, tasks: Tasks) -> None:
        self.connected = True
        self.mute = False
        self.heard = 0
        self.pings = 0
        self.well: bool | None = True
        self.sent_away: list[str] = []
        self.isolation = Isolation(
            is_connected=lambda: self.connected,
            queue=self,
            others=self,
            send_away=self.sent_away.append,
            tasks=tasks,
        )

    async def ping(self) -> None:
        self.pings += 1
        if not self.mute:
            self.heard += 1

    async def refresh(self) -> None: ...

    async def any_well(self) -> bool | None:
        return self.well


@pytest.fixture
async def bench(tasks: Tasks) -> AsyncIterator[Bench]:
    made = Bench(tasks)
    await made.isolation.start()
    await pass_time(TICK_SECONDS * 10)
    yield made
    await made.isolation.stop()


async def test_nothing_happens_as_long_as_the_broker_is_there_however_quiet_it_is(bench: Bench) -> None:
    await pass_time(3_600)
    assert not bench.isolation.cut_off and bench.isolation.finding() == "" and not bench.sent_away


async def test_a_busy_gateway_sends_itself_nothing(bench: Bench) -> None:
    before = bench.pings
    for _ in range(20):
        bench.heard += 1
        await pass_time(TICK_SECONDS)
    assert bench.pings == before


async def test_without_a_connection_it_is_cut_off_at_once_and_its_sockets_go_when_others_stay_well(
    bench: Bench,
) -> None:
    bench.connected = False
    assert bench.isolation.cut_off
    await pass_time(TICK_SECONDS * (WELL_TICKS - 1))
    assert not bench.sent_away
    await pass_time(TICK_SECONDS)
    assert len(bench.sent_away) == 1
    await pass_time(600)
    assert len(bench.sent_away) == 1, "once for each loss"


async def test_a_connection_on_which_nothing_comes_is_lost_too(bench: Bench) -> None:
    bench.mute = True
    await pass_time(TICK_SECONDS * (SILENT_TICKS + 1))
    assert bench.isolation.cut_off and bench.isolation.finding()
    await pass_time(TICK_SECONDS * WELL_TICKS)
    assert len(bench.sent_away) == 1
    bench.heard += 1
    await pass_time(TICK_SECONDS)
    assert not bench.isolation.cut_off and bench.isolation.finding() == ""


async def test_when_all_have_lost_the_broker_nobody_is_sent_anywhere(bench: Bench) -> None:
    bench.connected, bench.well = False, False
    await pass_time(60)
    assert not bench.sent_away


async def test_those_that_come_back_first_do_not_draw_the_sockets_of_those_that_are_about_to(bench: Bench) -> None:
    bench.connected, bench.well = False, False
    await pass_time(10)
    bench.well = True
    await pass_time(TICK_SECONDS * (WELL_TICKS - 1))
    bench.connected = True
    await pass_time(60)
    assert not bench.sent_away


async def test_cut_off_from_everything_it_gives_up_after_a_while(bench: Bench) -> None:
    bench.connected, bench.well = False, None
    await pass_time(TICK_SECONDS * (UNKNOWN_TICKS - 1))
    assert not bench.sent_away
    await pass_time(TICK_SECONDS)
    assert len(bench.sent_away) == 1


async def test_a_second_loss_is_told_again(bench: Bench) -> None:
    for losses in (1, 2):
        bench.connected = False
        await pass_time(TICK_SECONDS * (WELL_TICKS + 1))
        assert len(bench.sent_away) == losses
        bench.connected = True
        await pass_time(TICK_SECONDS * 2)
