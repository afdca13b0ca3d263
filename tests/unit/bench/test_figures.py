"""What the figures of a measurement say."""

import math
from collections import Counter

import pytest

from bench.figures import missing_and_twice, percentile, tally

BEGIN, END = 1_764_165_000_000_000, 1_764_165_000_010_000


def test_percentiles_of_a_histogram() -> None:
    times = Counter({10: 98, 500: 1, 2_000: 1})
    assert [percentile(times, share) for share in (0.5, 0.98, 0.99, 0.999)] == [1.0, 1.0, 50.0, 200.0]
    assert math.isnan(percentile({}, 0.5))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
def test_one_time_is_every_percentile(share: float) -> None:
    assert percentile({42: 1}, share) == 4.2


def test_only_what_was_due_in_the_measured_time_counts() -> None:
    stamps = b"".join(b"%d" % due for due in (BEGIN - 1, BEGIN, END - 1, END))
    found = tally([(END + 5_000, stamps)], BEGIN, END)
    assert found.count == {BEGIN: 1, END - 1: 1}
    assert found.times == {150: 1, 50: 1}


def test_a_delivery_too_many_does_not_hide_one_that_is_missing() -> None:
    assert missing_and_twice({1: 30, 2: 30}, {1: 29, 2: 31}) == (1, 1)
    assert missing_and_twice({1: 30, 2: 30}, {1: 30}) == (30, 0)
