"""What others see follows from entries, leases, status and time alone."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from services.presence.engine import ALIVE, Facts, view
from warren.contracts.codec import rfc3339
from warren.contracts.presence import HIDDEN, STATUSES

GRACE = 5_000
NOW = 1_000_000_000
TIMES = st.integers(NOW - 3 * GRACE, NOW)
LEASES = st.dictionaries(st.sampled_from("abcd"), st.one_of(st.just(ALIVE), TIMES))
FACTS = st.builds(
    Facts,
    user=st.just("u"),
    entries=st.lists(st.sampled_from("abcdef"), max_size=6),
    status=st.sampled_from(("", *STATUSES)),
    text=st.sampled_from(("", "in a meeting")),
    left=st.one_of(st.just(0), TIMES),
    last_seen=st.one_of(st.just(0), TIMES),
)


def status(facts: Facts, leases: dict[str, int], now: int = NOW) -> str:
    return view(facts, leases, now, GRACE).presence.status


@given(FACTS, LEASES)
def test_online_if_and_only_if_an_entry_is_alive_or_in_grace_and_the_user_does_not_hide(
    facts: Facts, leases: dict[str, int]
) -> None:
    ends = [leases[lease] for lease in facts.entries if lease in leases]
    present = ALIVE in ends or any(end + GRACE > NOW for end in ends) or bool(facts.left and facts.left + GRACE > NOW)
    assert (status(facts, leases) != "offline") == (present and facts.status not in HIDDEN)


@given(FACTS, LEASES, st.randoms())
def test_the_order_of_entries_does_not_matter(facts: Facts, leases: dict[str, int], random: Random) -> None:
    shuffled = list(facts.entries)
    random.shuffle(shuffled)
    other = Facts(facts.user, shuffled, facts.status, facts.text, facts.left, facts.last_seen)
    assert view(other, leases, NOW, GRACE) == view(facts, leases, NOW, GRACE)


@given(FACTS, LEASES, st.integers(0, 3 * GRACE))
def test_nothing_changes_before_the_time_that_the_view_tells_and_something_does_then(
    facts: Facts, leases: dict[str, int], later: int
) -> None:
    seen = view(facts, leases, NOW, GRACE)
    if seen.changes_at is None or NOW + later < seen.changes_at:
        assert view(facts, leases, NOW + later, GRACE).mark == seen.mark
    if seen.changes_at is not None:
        assert status(facts, leases, seen.changes_at - 1) != "offline"
        assert status(facts, leases, seen.changes_at) == "offline"


@given(FACTS, LEASES)
def test_a_second_connection_on_a_living_lease_never_makes_a_user_less_present(
    facts: Facts, leases: dict[str, int]
) -> None:
    more = Facts(facts.user, [*facts.entries, "z"], facts.status, facts.text, facts.left, facts.last_seen)
    expected = "offline" if facts.status in HIDDEN else facts.status or "online"
    assert status(more, {**leases, "z": ALIVE}) == expected


@given(FACTS, LEASES)
def test_who_hides_looks_like_one_who_left_when_they_hid(facts: Facts, leases: dict[str, int]) -> None:
    hidden = Facts(facts.user, facts.entries, "invisible", facts.text, facts.left, facts.last_seen)
    gone = Facts(facts.user, [], "online", facts.text, 0, facts.last_seen)
    assert view(hidden, leases, NOW, GRACE) == view(gone, leases, NOW, GRACE)


def test_a_user_stays_online_for_the_grace_after_their_last_connection() -> None:
    facts = Facts("u", left=NOW, last_seen=NOW)
    assert status(facts, {}, NOW + GRACE - 1) == "online"
    assert status(facts, {}, NOW + GRACE) == "offline"


def test_connections_of_a_dead_gateway_count_for_the_grace_after_its_lease() -> None:
    facts = Facts("u", ["dead"])
    assert status(facts, {"dead": NOW}, NOW + GRACE - 1) == "online"
    assert status(facts, {"dead": NOW}, NOW + GRACE) == "offline"


def test_the_last_sight_is_told_of_offline_users_only() -> None:
    facts = Facts("u", ["a"], last_seen=NOW - 9 * GRACE)
    assert view(facts, {"a": ALIVE}, NOW, GRACE).presence.last_seen is None
    assert view(facts, {"a": NOW - 2 * GRACE}, NOW, GRACE).presence.last_seen == rfc3339(NOW - 2 * GRACE)
    assert view(Facts("u"), {}, NOW, GRACE).presence.last_seen is None


def test_an_unknown_user_is_offline_and_need_not_be_told() -> None:
    seen = view(Facts("stranger"), {}, NOW, GRACE)
    assert (seen.presence.status, seen.presence.text, seen.mark, seen.changes_at) == ("offline", "", "", None)


@given(FACTS, FACTS, LEASES)
def test_two_views_have_one_mark_exactly_if_status_and_text_are_the_same(
    one: Facts, other: Facts, leases: dict[str, int]
) -> None:
    a, b = view(one, leases, NOW, GRACE), view(other, leases, NOW, GRACE)
    same = (a.presence.status, a.presence.text) == (b.presence.status, b.presence.text)
    assert (a.mark == b.mark) == same
