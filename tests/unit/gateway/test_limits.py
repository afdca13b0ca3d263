"""Token buckets, and whose bucket it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway import limits
from services.gateway.limits import Buckets, Rate, RateLimits, client_address
from warren.contracts.errors import Code, Refusal


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_passes_then_one_waits_for_the_next_token() -> None:
    clock = Clock()
    buckets = Buckets(Rate("test", 3, 2.0), clock)
    assert [buckets.take("ada") for _ in range(3)] == [0, 0, 0]
    assert buckets.take("ada") == pytest.approx(0.5)
    clock.now += 0.5
    assert buckets.take("ada") == 0
    assert buckets.take("ada") > 0


def test_each_has_a_bucket_of_their_own() -> None:
    buckets = Buckets(Rate("test", 1, 1.0), Clock())
    assert buckets.take("ada") == 0
    assert buckets.take("bob") == 0
    assert buckets.take("ada") > 0


@given(st.lists(st.floats(0, 5), min_size=1, max_size=200))
def test_nobody_gets_more_than_the_burst_and_the_rate(pauses: list[float]) -> None:
    clock = Clock()
    buckets = Buckets(Rate("test", 5, 2.0), clock)
    began, passed = clock.now, 0
    for pause in pauses:
        clock.now += pause
        passed += buckets.take("ada") == 0
    assert passed <= 5 + 2.0 * (clock.now - began) + 1e-6


def test_buckets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BUCKETS", 10)
    buckets = Buckets(Rate("test", 1, 1.0), Clock())
    for number in range(100):
        buckets.take(str(number))
    assert len(buckets) == 10
    assert buckets.take("99") > 0


def test_a_refusal_says_when_to_try_again() -> None:
    rates = RateLimits(True, Clock())
    rate = Rate("test", 1, 0.1)
    rates.check(rate, "ada")
    with pytest.raises(Refusal) as caught:
        rates.check(rate, "ada")
    assert caught.value.code is Code.RATE_LIMITED
    assert caught.value.retry_after_ms == 10_001


def test_switched_off_everything_passes() -> None:
    rates = RateLimits(False, Clock())
    for _ in range(100):
        rates.check(Rate("test", 1, 0.1), "ada")


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.9", None, "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.7", "198.51.100.1", "198.51.100.1"),
        ("::1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "1.2.3.4, 198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "not an address", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", None, "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", None, "203.0.113.9"),
        ("unix:", None, "unix:"),
    ],
)
def test_the_address_is_the_one_that_the_proxy_saw(peer: str, forwarded: str | None, address: str) -> None:
    assert client_address(peer, forwarded) == address
