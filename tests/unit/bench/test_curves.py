"""The line through measured costs."""

import pytest

from bench.curves import fit


def test_a_line_through_points_on_a_line() -> None:
    found = fit([(2, 105.0), (30, 175.0), (1_000, 2_600.0)])
    assert found == pytest.approx((100.0, 2.5))


@pytest.mark.parametrize("points", [[], [(1, 2.0), (2, 3.0)], [(1, 2.0), (2, -3.0), (3, 4.0)], [(5, 1.0)] * 3])
def test_no_line_where_the_points_do_not_give_one(points: list[tuple[float, float]]) -> None:
    assert fit(points) is None
