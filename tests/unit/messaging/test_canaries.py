"""Canaries show when a partition has moved."""

from typing import Any, cast

import pytest

from services.messaging.canaries import PartitionCanaries
from warren.chassis.lifecycle import Tasks
from warren.contracts import rooms
from warren.contracts.codec import encode
from warren.contracts.events import EventBatch


class Answer:
    def __init__(self, source: str, partition: int) -> None:
        self.body = encode(EventBatch(source, 1, [rooms.Stored(partition, 0, 1)], [], [], []))


@pytest.fixture
async def moved() -> list[int]:
    return []


@pytest.fixture
async def canaries(moved: list[int]) -> PartitionCanaries:
    return PartitionCanaries("messaging-1", 4, Tasks(), on_moved=moved.append)


async def test_a_partition_moves_when_another_instance_answers_and_again_when_it_comes_back(
    canaries: PartitionCanaries, moved: list[int]
) -> None:
    for source, partition in (("b", 0), ("b", 1), ("b", 0), ("a", 0), ("a", 0), ("b", 1), ("b", 0)):
        await canaries._on_answers(cast(Any, Answer(source, partition)))
    assert moved == [0, 0]
