"""Read marks: coalesced, only ever forward."""

from typing import cast

from services.gateway.rooms.commands import CommandSender
from services.gateway.rooms.reads import GATHER_SECONDS, ReadMarks
from tests.support.virtual_time import pass_time
from tests.unit.gateway.rooms.room_bench import Owner
from warren.contracts import rooms


def marks_of(owner: Owner) -> list[tuple[str, str, int]]:
    return [(c.room, c.user, c.seq) for c in owner.commands if isinstance(c, rooms.Read)]


async def test_only_the_latest_mark_of_a_reader_in_a_room_leaves() -> None:
    owner = Owner()
    reads = ReadMarks(cast(CommandSender, owner))
    for seq in (3, 9, 7):
        reads.mark("a", "ann", seq)
    reads.mark("a", "bob", 4)
    reads.mark("b", "ann", 1)
    assert owner.commands == []
    await pass_time(GATHER_SECONDS)
    assert marks_of(owner) == [("a", "ann", 9), ("a", "bob", 4), ("b", "ann", 1)]


async def test_marks_gather_again_after_they_left() -> None:
    owner = Owner()
    reads = ReadMarks(cast(CommandSender, owner))
    reads.mark("a", "ann", 3)
    await pass_time(GATHER_SECONDS)
    reads.mark("a", "ann", 5)
    await pass_time(GATHER_SECONDS)
    assert marks_of(owner) == [("a", "ann", 3), ("a", "ann", 5)]


async def test_overload_drops_marks_and_nothing_else() -> None:
    owner = Owner()
    reads = ReadMarks(cast(CommandSender, owner))
    owner.overloaded = True
    reads.mark("a", "ann", 3)
    await pass_time(GATHER_SECONDS)
    owner.overloaded = False
    reads.mark("a", "ann", 4)
    await pass_time(GATHER_SECONDS)
    assert marks_of(owner) == [("a", "ann", 4)]
