"""The search finds the highest rate that holds, without being fooled by one hiccup."""

import pytest

from bench.search import Search


def searched(search: Search, limit: float, hiccups: set[int] = frozenset()) -> list[float]:  # type: ignore[assignment]
    tried: list[float] = []
    while (rate := search.next()) is not None:
        search.record(rate, holds=rate <= limit and len(tried) not in hiccups)
        tried.append(rate)
        assert len(tried) < 60
    return tried


@pytest.mark.parametrize("limit", [1.0, 7.0, 100.0, 1_900.0, 2_000.0, 4_700.0, 6_100.0, 50_000.0])
@pytest.mark.parametrize("start", [2.0, 2_000.0])
def test_what_it_finds_is_within_its_precision_of_the_limit(limit: float, start: float) -> None:
    search = Search(start)
    searched(search, limit)
    assert search.best is not None
    assert search.best <= limit < search.best * 1.1


@pytest.mark.parametrize("hiccup", range(8))
def test_one_hiccup_anywhere_changes_nothing(hiccup: int) -> None:
    search = Search(1_000.0)
    searched(search, 4_000.0, {hiccup})
    assert search.best is not None
    assert 3_700 < search.best <= 4_000


def test_nothing_holds() -> None:
    search = Search(8.0)
    tried = searched(search, 0.0)
    assert search.best is None
    assert min(tried) <= 0.25
