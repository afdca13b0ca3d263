"""How many frames a socket may send."""

import pytest

from services.gateway.sockets.rates import (
    FRAMES_AT_ONCE,
    FRAMES_PER_SECOND,
    REFUSALS_BEFORE_CLOSE,
    FrameRate,
    TooFast,
)
from warren.contracts.errors import Code, Refusal


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def allowed(rate: FrameRate, tries: int) -> int:
    count = 0
    for _ in range(tries):
        try:
            rate.check()
        except Refusal:
            continue
        count += 1
    return count


def test_a_burst_passes_and_no_more() -> None:
    assert allowed(FrameRate(Clock()), 200) == FRAMES_AT_ONCE


def test_after_the_burst_so_many_a_second_pass_and_rest_does_not_add_up() -> None:
    clock = Clock()
    rate = FrameRate(clock)
    allowed(rate, 100)
    clock.now += 1
    assert allowed(rate, 100) == FRAMES_PER_SECOND
    clock.now += 3600
    assert allowed(rate, 200) == FRAMES_AT_ONCE


def test_a_refusal_says_when_the_next_frame_passes() -> None:
    clock = Clock()
    rate = FrameRate(clock)
    allowed(rate, int(FRAMES_AT_ONCE))
    with pytest.raises(Refusal) as caught:
        rate.check()
    assert caught.value.code is Code.RATE_LIMITED
    wait = caught.value.retry_after_ms
    assert wait is not None and 0 < wait <= 1000
    clock.now += wait / 1000
    rate.check()


def test_a_client_that_goes_on_regardless_is_closed_and_one_that_waits_is_not() -> None:
    clock = Clock()
    rate = FrameRate(clock)
    allowed(rate, int(FRAMES_AT_ONCE))
    assert allowed(rate, REFUSALS_BEFORE_CLOSE) == 0
    with pytest.raises(TooFast):
        rate.check()
    clock.now += 1
    rate.check()
    assert allowed(rate, REFUSALS_BEFORE_CLOSE) < REFUSALS_BEFORE_CLOSE
