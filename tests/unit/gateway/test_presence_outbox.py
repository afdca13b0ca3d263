"""What the service was not told yet: nothing lost, nothing told twice, nothing that grows without bound."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.gateway.presence.outbox import Outbox
from warren.contracts.presence import UPDATE_ITEMS, Connected


def begun(connections: dict[str, str] | None = None, watched: list[str] | None = None) -> Outbox:
    outbox = Outbox()
    outbox.begin("lease", "queue", connections or {}, watched or [])
    return outbox


def drained(outbox: Outbox) -> Outbox:
    while outbox.next() is not None:
        outbox.answered()
    return outbox


def test_the_first_update_is_sent_even_if_there_is_nothing_to_tell() -> None:
    first = begun().next()
    assert first is not None
    assert (first.number, first.connected, first.watch) == (1, [], [])


def test_an_update_stays_the_same_until_it_is_answered() -> None:
    outbox = begun({"c1": "ann"})
    first = outbox.next()
    outbox.connected("c2", "bob")
    assert outbox.next() is first
    outbox.answered()
    second = outbox.next()
    assert second is not None
    assert (second.number, second.connected) == (2, [Connected("c2", "bob")])


def test_what_changes_while_one_is_out_leaves_together() -> None:
    outbox = begun()
    for number in range(50):
        outbox.connected(f"c{number}", "ann")
        outbox.watch(f"u{number}")
    outbox.answered()
    second = outbox.next()
    assert second is not None
    assert (len(second.connected), len(second.watch)) == (50, 50)


def test_more_than_fits_goes_in_several_updates_in_order() -> None:
    connections = {f"c{number}": "ann" for number in range(2 * UPDATE_ITEMS + 1)}
    outbox = begun(connections)
    told: list[str] = []
    while (update := outbox.next()) is not None:
        assert len(update.connected) <= UPDATE_ITEMS
        told += [each.connection for each in update.connected]
        outbox.answered()
    assert told == list(connections)


def test_a_connection_that_ended_before_it_was_told_leaves_no_trace() -> None:
    outbox = drained(begun())
    outbox.connected("c1", "ann")
    outbox.disconnected("c1", "ann")
    assert outbox.next() is None


def test_a_connection_that_ends_while_it_is_being_told_is_told_to_have_ended() -> None:
    outbox = begun({"c1": "ann"})
    outbox.disconnected("c1", "ann")
    outbox.answered()
    second = outbox.next()
    assert second is not None
    assert second.disconnected == [Connected("c1", "ann")]


def test_a_user_watched_again_before_the_end_was_told_is_asked_for_again() -> None:
    outbox = drained(begun({}, ["ann"]))
    outbox.unwatch("ann")
    outbox.watch("ann")
    update = outbox.next()
    assert update is not None
    assert (update.watch, update.unwatch) == (["ann"], [])


class Told(RuleBasedStateMachine):
    """Whatever happens in whatever order: once all is told, the service has what the gateway has."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox()
        self.next_connection = 0
        self.connections: dict[str, str] = {}
        self.watched: set[str] = set()
        self.told_connections: dict[str, str] = {}
        self.told_watched: set[str] = set()
        self.begin()

    @rule()
    def begin(self) -> None:
        self.outbox.begin("lease", "queue", self.connections, self.watched)
        self.told_connections, self.told_watched = {}, set()

    @rule(user=st.sampled_from("ab"))
    def connect(self, user: str) -> None:
        self.next_connection += 1
        connection = str(self.next_connection)
        self.connections[connection] = user
        self.outbox.connected(connection, user)

    @precondition(lambda self: self.connections)
    @rule(data=st.data())
    def disconnect(self, data: st.DataObject) -> None:
        connection = data.draw(st.sampled_from(sorted(self.connections)))
        self.outbox.disconnected(connection, self.connections.pop(connection))

    @rule(user=st.sampled_from("abc"))
    def watch_or_unwatch(self, user: str) -> None:
        if user in self.watched:
            self.watched.remove(user)
            self.outbox.unwatch(user)
        else:
            self.watched.add(user)
            self.outbox.watch(user)

    @rule()
    def tell(self) -> None:
        update = self.outbox.next()
        if update is not None:
            self.told_connections.update({each.connection: each.user for each in update.connected})
            for each in update.disconnected:
                assert self.told_connections.pop(each.connection, None), "ended before it began"
            self.told_watched = self.told_watched.union(update.watch).difference(update.unwatch)
            self.outbox.answered()

    @invariant()
    def bounded_by_what_exists_and_what_the_service_was_told(self) -> None:
        out = self.outbox._out
        sent = len(out.connected) + len(out.watch) if out else 0
        told = len(self.told_connections) + len(self.told_watched)
        assert self.outbox.waiting <= len(self.connections) + len(self.watched) + told + sent

    def teardown(self) -> None:
        while self.outbox.next() is not None:
            self.tell()
        assert (self.told_connections, self.told_watched) == (self.connections, self.watched)


Told.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestTold = Told.TestCase
