"""When the next write begins. The cost of messages is in the number of writes, hardly in their size (docs/adr/0019)."""

from collections.abc import Sequence

from services.messaging.rooms.consumer import Arrived, Stream
from warren.contracts import rooms

PATIENCE = 1.5
"""Of what a write took: how long the next one waits for the gateways that it answered."""
PATIENCE_SECONDS = 0.03

CROWD = 3
SEVERAL = 2
CROWDED_SECONDS = 0.013
"""A write that follows one of CROWD commands and more, or two in a row of SEVERAL, begins so long after the last one at
the earliest: at 200 messages/s 5.4 s of CPU for 1,000 of them instead of 6.1, and nothing is lost at 1,000/s, where
writes take longer than that. Two in a row, since a quick machine has few of three at 200/s, and hardly ever two of two
at 100/s."""


class Pace:
    """What the last write says of the next one. Time is in seconds."""

    def __init__(self) -> None:
        self.expected: set[Stream] = set()
        """What the last write answered: gateways send there what gathered at them meanwhile."""
        self.patience = 0.0
        """How long the next write waits for them."""
        self.pause = 0.0
        """How long it leaves alone whatever arrives."""
        self._before = 0
        """Commands of the write before."""

    def wrote(self, taken: Sequence[Arrived], seconds: float) -> None:
        """A command by itself shows that there is time for one at a time. Canaries are no sign of more to come."""
        busy = [
            arrived.stream
            for arrived in taken
            for command in arrived.batch.commands  # there may be none: what is sent again leaves some out
            if not isinstance(command, rooms.Canary)
        ]
        self.expected = set(busy) if len(busy) > 1 else set()
        self.patience = min(PATIENCE * seconds, PATIENCE_SECONDS)
        crowded = len(busy) >= CROWD or min(len(busy), self._before) >= SEVERAL
        self.pause = max(CROWDED_SECONDS - seconds, 0.0) if crowded else 0.0
        self._before = len(busy)
