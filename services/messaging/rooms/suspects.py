"""Batches that have come again so often that one of them may kill its owners.

When an owner dies, all that it held comes again and counts as tried once more, also what had nothing to do with it: 20
deaths would put innocent batches among the dead letters together with the killer. So suspects are carried out one
by one, each settled before the next, in random order. In each life of an owner those that come before the killer are
settled: half of what is left on average, and one in 100,000 is unlucky in all 17 lives.
"""

import random
from collections.abc import Sequence
from typing import Protocol, TypeVar

from warren.contracts.rooms import CommandBatch

SUSPECT_TRIES = 3
"""Above what a hand-over or two cause; far below PARTITION_DELIVERY_LIMIT."""

_chance = random.Random()  # noqa: S311 - any order does, no secret


class Tried(Protocol):
    """A batch with how often it was delivered before."""

    @property
    def batch(self) -> CommandBatch: ...

    @property
    def tries(self) -> int: ...


T = TypeVar("T", bound=Tried)


def choose(arrived: Sequence[T]) -> T | None:
    """The suspect to carry out next, by itself; None when nothing is suspect. Batches of one gateway to one partition
    keep their order."""
    heads: dict[tuple[str, int], T] = {}
    for each in arrived:
        if each.tries >= SUSPECT_TRIES:
            heads.setdefault((each.batch.gateway, each.batch.partition), each)
    return _chance.choice(list(heads.values())) if heads else None
