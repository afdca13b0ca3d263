"""Which connections watch whom, and the last known presence of each watched user. Pure."""

from collections.abc import Iterable

from warren.contracts.rest import Presence


class _Watched:
    """`user` is the one copy of the id that everything here refers to. `at`: when `presence` was so (µs)."""

    __slots__ = ("at", "connections", "presence", "user")

    def __init__(self, user: str) -> None:
        self.user = user
        self.connections: set[str] = set()
        self.presence: Presence | None = None
        self.at = 0


class Watches:
    """A user stays watched for a while after the last connection looked away, as another often follows.

    Memory: 8 bytes a connection and watched user on the one side, a set's slot on the other.
    """

    def __init__(self) -> None:
        self._watched: dict[str, _Watched] = {}
        self._of: dict[str, tuple[str, ...]] = {}
        self._idle: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._watched)

    def users(self) -> list[str]:
        return list(self._watched)

    def replace(self, connection: str, users: Iterable[str], now: float) -> tuple[list[Presence], list[str]]:
        """From now on `connection` watches `users`. Returns what is known of them, and whom nobody watched yet."""
        before = self._of.pop(connection, ())
        known: list[Presence] = []
        new: list[str] = []
        kept: list[str] = []
        for user in dict.fromkeys(users):
            watched = self._watched.get(user)
            if watched is None:
                watched = self._watched[user] = _Watched(user)
                new.append(user)
            watched.connections.add(connection)
            self._idle.pop(user, None)
            kept.append(watched.user)
            if watched.presence is not None:
                known.append(watched.presence)
        if kept:
            self._of[connection] = tuple(kept)
        for user in set(before).difference(kept):
            connections = self._watched[user].connections
            connections.discard(connection)
            if not connections:
                self._idle[user] = now
        return known, new

    def learn(self, presences: Iterable[Presence], at: int) -> dict[str, list[Presence]]:
        """Take in what was so at `at` (µs). Returns what is new to each connection; older news are dropped."""
        news: dict[str, list[Presence]] = {}
        for presence in presences:
            watched = self._watched.get(presence.user)
            if watched is None or at < watched.at:
                continue
            changed = presence != watched.presence
            watched.presence, watched.at = presence, at
            if changed:
                for connection in watched.connections:
                    news.setdefault(connection, []).append(presence)
        return news

    def forget_idle(self, idle_since: float) -> list[str]:
        """Stop watching users that nobody watches since before `idle_since`. Returns them."""
        over = []
        for user, since in self._idle.items():  # in the order of `since`
            if since > idle_since:
                break
            over.append(user)
        for user in over:
            del self._idle[user], self._watched[user]
        return over

    @property
    def idle_since(self) -> float | None:
        """Since when the longest unwatched user has been so."""
        return next(iter(self._idle.values()), None)
