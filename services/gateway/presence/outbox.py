"""What the presence service was not told yet, coalesced, cut into updates. Pure."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TypeVar

from warren.contracts.presence import UPDATE_ITEMS, Connected, Update

V = TypeVar("V")


class Outbox:
    """One update at a time is out, until it is `answered`; what changes meanwhile gathers for the next.

    What the service never heard of leaves no trace when it is over before its turn, so the outbox is bounded by what
    exists and by what the service was told of.
    """

    def __init__(self) -> None:
        self._lease = ""
        self._queue = ""
        self._number = 0
        self._out: Update | None = None
        self._connected: dict[str, str] = {}
        self._disconnected: dict[str, str] = {}
        self._watch: dict[str, bool] = {}  # user -> the service watches them already and only has to answer
        self._unwatch: dict[str, None] = {}

    def begin(self, lease: str, queue: str, connections: Mapping[str, str], watched: Iterable[str]) -> None:
        """Under a new lease everything has to be told again, in an update that is sent even if it is empty."""
        self._lease, self._queue, self._number = lease, queue, 1
        self._connected = dict(connections)
        self._disconnected = {}
        self._watch = dict.fromkeys(watched, False)
        self._unwatch = {}
        self._out = self._cut()

    def connected(self, connection: str, user: str) -> None:
        self._connected[connection] = user

    def disconnected(self, connection: str, user: str) -> None:
        if self._connected.pop(connection, None) is None:
            self._disconnected[connection] = user

    def watch(self, user: str) -> None:
        self._watch[user] = user in self._unwatch
        self._unwatch.pop(user, None)

    def unwatch(self, user: str) -> None:
        if self._watch.pop(user, True):
            self._unwatch[user] = None

    def next(self) -> Update | None:
        """The update to send: the same again until it is answered. None = all is told."""
        waiting = self._connected or self._disconnected or self._watch or self._unwatch
        if self._out is None and waiting and self._lease:
            self._number += 1
            self._out = self._cut()
        return self._out

    def answered(self) -> None:
        self._out = None

    @property
    def waiting(self) -> int:
        """Changes that are in no update yet."""
        return len(self._connected) + len(self._disconnected) + len(self._watch) + len(self._unwatch)

    def _cut(self) -> Update:
        return Update(
            self._lease,
            self._queue,
            self._number,
            connected=[Connected(*pair) for pair in _take(self._connected)],
            disconnected=[Connected(*pair) for pair in _take(self._disconnected)],
            watch=[user for user, _ in _take(self._watch)],
            unwatch=[user for user, _ in _take(self._unwatch)],
        )


def _take(waiting: dict[str, V]) -> list[tuple[str, V]]:
    """The first UPDATE_ITEMS, taken out."""
    taken = list(islice(waiting.items(), UPDATE_ITEMS))
    for key, _ in taken:
        del waiting[key]
    return taken
