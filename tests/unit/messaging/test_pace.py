"""When the next write begins, by what the last one was about."""

import pytest

from services.messaging.rooms.consumer import Arrived
from services.messaging.rooms.pace import CROWD, CROWDED_SECONDS, PATIENCE, PATIENCE_SECONDS, SEVERAL, Pace
from tests.unit.messaging.owner_bench import post
from warren.contracts import rooms

QUICK = 0.004


def batch(gateway: str, *commands: rooms.AnyCommand, partition: int = 0) -> Arrived:
    return Arrived(rooms.CommandBatch(gateway, partition, 1, list(commands)), tag=1, link=1)


def after(*taken: Arrived, seconds: float = QUICK) -> Pace:
    pace = Pace()
    pace.wrote(taken, seconds)
    return pace


def posts(count: int) -> list[rooms.AnyCommand]:
    return [post(f"n{index}") for index in range(count)]


def test_a_command_by_itself_makes_the_next_one_wait_for_nothing() -> None:
    pace = after(batch("a", *posts(1)))
    assert (pace.expected, pace.pause) == (set(), 0.0)


def test_after_several_commands_those_who_were_answered_are_expected_to_have_more() -> None:
    assert after(batch("a", *posts(1)), batch("b", *posts(1), partition=2)).expected == {("a", 0), ("b", 2)}


def test_they_are_waited_for_in_proportion_to_the_write_and_never_long() -> None:
    assert after(batch("a", *posts(2))).patience == pytest.approx(PATIENCE * QUICK)
    assert after(batch("a", *posts(2)), seconds=5.0).patience == PATIENCE_SECONDS


def test_writes_that_follow_a_crowd_begin_no_more_often_than_allowed() -> None:
    assert after(batch("a", *posts(CROWD))).pause == pytest.approx(CROWDED_SECONDS - QUICK)
    assert after(batch("a", *posts(CROWD)), seconds=CROWDED_SECONDS * 2).pause == 0.0, "it took long enough"
    assert after(batch("a", *posts(CROWD - 1))).pause == 0.0


def test_so_do_those_that_follow_several_commands_twice_in_a_row() -> None:
    pace = after(batch("a", *posts(SEVERAL)))
    assert pace.pause == 0.0
    pace.wrote([batch("a", *posts(SEVERAL))], QUICK)
    assert pace.pause == pytest.approx(CROWDED_SECONDS - QUICK)
    pace.wrote([batch("a", *posts(SEVERAL - 1))], QUICK)
    assert pace.pause == 0.0
    pace.wrote([batch("a", *posts(SEVERAL))], QUICK)
    assert pace.pause == 0.0, "one by itself was between them"


def test_canaries_and_batches_with_nothing_left_in_them_are_no_sign_of_more_to_come() -> None:
    canaries = [rooms.Canary(ref, "r", "") for ref in range(CROWD)]
    pace = after(batch("a", *canaries), batch("b"))
    assert (pace.expected, pace.pause) == (set(), 0.0)


def test_one_command_after_a_crowd_ends_the_waiting() -> None:
    pace = after(batch("a", *posts(CROWD)))
    pace.wrote([batch("a", *posts(1))], QUICK)
    assert (pace.expected, pace.pause) == (set(), 0.0)
