"""The line through measured costs, and the same costs by what a write held."""

import pytest

from bench.curves import Curve, batches, fit
from bench.figures import Figures


def test_a_line_through_points_on_a_line() -> None:
    found = fit([(2, 105.0), (30, 175.0), (1_000, 2_600.0)])
    assert found == pytest.approx((100.0, 2.5))


@pytest.mark.parametrize("points", [[], [(1, 2.0), (2, 3.0)], [(1, 2.0), (2, -3.0), (3, 4.0)], [(5, 1.0)] * 3])
def test_no_line_where_the_points_do_not_give_one(points: list[tuple[float, float]]) -> None:
    assert fit(points) is None


def figures(rate: float, writes: float) -> Figures:
    shares = {"gateways": 0.1}
    return Figures(
        "warren", "team", rate, 10.0, "servers", int(rate * 10), int(rate * 10), 0, 0, 0, 0,
        1.0, 1.0, 1.0, 1.0, 1.0, 1.0, shares, shares, 0.0, 0.0, 0.0, 0, writes,
    )  # fmt: skip


def test_the_same_runs_are_drawn_by_what_a_write_held() -> None:
    rates = Curve("rate", "", "", [(100.0, figures(100.0, 80.0)), (4_000.0, figures(4_000.0, 40.0))])
    found = batches(rates)
    assert [at for at, _ in found.points] == [1.2, 100.0]
    assert [one.rate for _, one in found.points] == [100.0, 4_000.0]
