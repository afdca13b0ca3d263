"""Who watches whom: each connection gets what is new to it, and nobody is watched in vain for long."""

from services.gateway.presence.watches import Watches
from warren.contracts.rest import Presence


def online(user: str) -> Presence:
    return Presence(user, "online", "", None)


def offline(user: str) -> Presence:
    return Presence(user, "offline", "", "2026-11-26T10:00:00.000Z")


def test_only_the_first_watcher_of_a_user_makes_the_gateway_watch() -> None:
    watches = Watches()
    assert watches.replace("c1", ["ann", "bob"], 0) == ([], ["ann", "bob"])
    assert watches.replace("c2", ["bob", "cem"], 0) == ([], ["cem"])


def test_a_later_watcher_learns_at_once_what_is_known() -> None:
    watches = Watches()
    watches.replace("c1", ["ann"], 0)
    watches.learn([online("ann")], 1)
    assert watches.replace("c2", ["ann", "bob"], 0) == ([online("ann")], ["bob"])


def test_news_reach_exactly_the_connections_that_watch() -> None:
    watches = Watches()
    watches.replace("c1", ["ann", "bob"], 0)
    watches.replace("c2", ["bob"], 0)
    watches.replace("c3", ["cem"], 0)
    news = watches.learn([online("ann"), online("bob"), online("stranger")], 1)
    assert news == {"c1": [online("ann"), online("bob")], "c2": [online("bob")]}


def test_the_same_news_twice_are_told_once() -> None:
    watches = Watches()
    watches.replace("c1", ["ann"], 0)
    assert watches.learn([online("ann")], 1)
    assert watches.learn([online("ann")], 2) == {}


def test_old_news_that_arrive_late_are_dropped() -> None:
    watches = Watches()
    watches.replace("c1", ["ann"], 0)
    watches.learn([offline("ann")], 5)
    assert watches.learn([online("ann")], 4) == {}
    assert watches.replace("c2", ["ann"], 0) == ([offline("ann")], [])


def test_a_new_set_replaces_the_old_one() -> None:
    watches = Watches()
    watches.replace("c1", ["ann", "bob"], 0)
    watches.replace("c1", ["bob", "cem"], 1)
    assert watches.learn([online("ann"), online("bob"), online("cem")], 1) == {"c1": [online("bob"), online("cem")]}


def test_a_user_is_watched_on_for_a_while_after_the_last_watcher() -> None:
    watches = Watches()
    watches.replace("c1", ["ann"], 0)
    watches.learn([online("ann")], 1)
    watches.replace("c1", [], 10)
    assert watches.idle_since == 10
    assert watches.forget_idle(9.9) == []
    assert watches.replace("c2", ["ann"], 11) == ([online("ann")], [])
    assert watches.idle_since is None
    assert watches.forget_idle(99) == []


def test_nothing_is_left_of_users_that_nobody_watches_any_more() -> None:
    watches = Watches()
    watches.replace("c1", ["ann", "ann", "bob"], 0)
    watches.replace("c1", [], 1)
    assert sorted(watches.forget_idle(1)) == ["ann", "bob"]
    assert (len(watches), watches.idle_since) == (0, None)
    assert watches.learn([online("ann")], 1) == {}
