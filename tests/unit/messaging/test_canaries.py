"""Canaries show when a partition has moved."""

from typing import Any, cast

import pytest
from pamqp.commands import Basic

from services.messaging.canaries import PartitionCanaries
from warren.chassis.lifecycle import Tasks
from warren.contracts import rooms
from warren.contracts.codec import encode
from warren.contracts.events import NOTICE_TYPE, AnyNotice, EventBatch, MemberAdded, PartitionTaken


class Header:
    def __init__(self, message_type: str | None) -> None:
        self.properties = Basic.Properties(message_type=message_type)


class News:
    def __init__(self, notice: AnyNotice) -> None:
        self.body = encode(notice)
        self.header = Header(NOTICE_TYPE)


class Answer:
    def __init__(self, source: str, partition: int) -> None:
        self.body = encode(EventBatch(source, 1, [rooms.Stored(partition, 0, 1)], [], [], []))
        self.header = Header(None)


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
        await canaries._on_delivery(cast(Any, Answer(source, partition)))
    assert moved == [0, 0]


async def test_what_other_instances_take_is_told_at_once_and_other_notices_are_left_alone() -> None:
    taken: list[PartitionTaken] = []
    canaries = PartitionCanaries("messaging-1", 4, Tasks(), on_taken=taken.append)
    for notice in (MemberAdded("r", ["ann"]), PartitionTaken("b", 2)):
        await canaries._on_delivery(cast(Any, News(notice)))
    assert taken == [PartitionTaken("b", 2)]
