"""Messages that an instance sends itself through the partition queues: which partitions have not let one through.

A partition is consumed by one instance at a time, mostly another one. So what comes back says that the partition is
served by somebody, and what does not come back says which one is not.
"""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct
from prometheus_client import Gauge

SILENT = Gauge("warren_partitions_silent", "Partitions whose canary is overdue.")


class _Trip(Struct):
    """`since`: when the first canary after the last answer was sent. `last`: when the last one was. `seen`: one has
    come back before."""

    since: float
    last: float | None = None
    seen: bool = False


class Canaries:
    """Bookkeeping only; who sends and hears them is told by `due` and tells `sent`, `lost` and `came_back`.

    Times are seconds. One canary of a partition is on its way; the next follows when it came back, was lost, or has
    been away for `again`: a queue that nobody empties must not fill up with canaries.
    """

    def __init__(self, partitions: int, *, overdue: float, again: float, now: Callable[[], float]) -> None:
        self._overdue = overdue
        self._again = again
        self._now = now
        self._trips = [_Trip(now()) for _ in range(partitions)]
        self._waiting: set[int] = set(range(partitions))
        """Partitions that owe an answer, counted from the start."""

    def due(self) -> list[int]:
        """The partitions to send a canary through now."""
        now = self._now()
        return [
            partition
            for partition, trip in enumerate(self._trips)
            if partition not in self._waiting or trip.last is None or now - trip.last > self._again
        ]

    def sent(self, partition: int) -> None:
        trip = self._trips[partition]
        trip.last = self._now()
        if partition not in self._waiting:
            self._waiting.add(partition)
            trip.since = trip.last

    def lost(self, partition: int) -> None:
        """It is known not to come back: the next one is due at once. The partition stays as silent as it was."""
        self._trips[partition].last = None

    def all_lost(self) -> None:
        """The connection that they were to come back on is gone."""
        for partition in self._waiting:
            self.lost(partition)

    def came_back(self, partition: int) -> None:
        self._waiting.discard(partition)
        self._trips[partition].seen = True

    def silent(self) -> dict[int, float | Literal["never"]]:
        """Partitions whose canary is overdue, and for how many seconds they have been silent; "never" for those
        through which none has come yet, overdue from the start."""
        now = self._now()
        found: dict[int, float | Literal["never"]] = {}
        for partition in sorted(self._waiting):
            trip = self._trips[partition]
            if not trip.seen:
                found[partition] = "never"
            elif now - trip.since > self._overdue:
                found[partition] = now - trip.since
        SILENT.set(len(found))
        return found

    def __len__(self) -> int:
        return len(self._trips)


def all_answer(partitions: int) -> str:
    """What to tell people when all is well."""
    return f"messages came round through {'the partition' if partitions == 1 else f'all {partitions} partitions'}"


def who_is_silent(silent: dict[int, float | Literal["never"]]) -> str:
    """Names the partitions, for people."""
    told = [
        f"partition {partition} {'has not answered yet' if seconds == 'never' else f'is silent for {seconds:.0f} s'}"
        for partition, seconds in silent.items()
    ]
    return ", ".join(told[:4]) + (f" and {len(told) - 4} more" if len(told) > 4 else "")
