"""Recovery is what users felt: from the fault to the last message that was slow."""

import math

from tests.faults import records
from tests.faults.timing import deliveries_per_second, recovery
from tests.unit.faults.run import Run


def _with_fault(run: Run, at: float) -> list[records.AnyRecord]:
    phases = ("begin", "done", "heal", "healed")
    return [*run.seen, *(records.Fault(at, "kill", phase) for phase in phases)]


def test_nothing_slow_is_no_recovery_time() -> None:
    run = Run()
    run.say("first-1")
    found = recovery(_with_fault(run, 9.0), "begin")
    assert (found.sends, found.caught_up) == (0.0, 0.0)


def test_recovery_ends_with_the_last_slow_acknowledgement() -> None:
    run = Run()
    run.say("first-1")
    run.seen += [records.Attempt(20.0, "a1", "room", "slow-1", 0), records.Acked(24.5, "a1", "room", "slow-1", 5)]
    assert recovery(_with_fault(run, 20.0), "begin").sends == 4.5


def test_a_message_that_is_never_answered_never_recovers() -> None:
    run = Run()
    run.seen.append(records.Attempt(20.0, "a1", "room", "open-1", 0))
    assert math.isinf(recovery(_with_fault(run, 20.0), "begin").sends)


def test_deliveries_are_counted_around_the_fault() -> None:
    run = Run()
    run.say("first-1")
    curve = deliveries_per_second(_with_fault(run, 11.0), step=1.0)
    assert sum(rate for _, rate in curve) == 2
    assert curve[0][0] == -1.0
