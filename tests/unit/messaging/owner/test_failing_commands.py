"""A command that fails is put aside by itself; all others go on."""

import pytest

from services.messaging.rooms.room import Room
from tests.unit.messaging.owner_bench import Instance, Log, check_log, create, post, seqs
from warren.contracts import rooms
from warren.contracts.errors import Code


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule with a bug: it fails half-way, when the room's memory has changed already."""
    right = Room.handle

    def wrong(room: Room, command: rooms.AnyCommand, *more: object) -> object:
        decision = right(room, command, *more)  # type: ignore[arg-type]
        if isinstance(command, rooms.Post) and "poison" in command.nonce:
            raise ZeroDivisionError("a bug")
        return decision

    monkeypatch.setattr(Room, "handle", wrong)


@pytest.mark.usefixtures("poison")
async def test_a_command_that_fails_is_put_aside_and_all_others_go_on_without_a_gap(one: Instance, log: Log) -> None:
    await one.carry_out(create("other"))
    answers = await one.carry_out(
        post("nonce-1", ref=1),
        post("poison-1", ref=2),
        post("nonce-2", ref=3),
        post("poison-2", ref=4),
        post("nonce-3", "other", ref=5),
        post("nonce-4", ref=6),
    )
    stored = {answer.ref: answer.seq for answer in answers if isinstance(answer, rooms.Stored)}
    assert stored == {1: 4, 3: 5, 6: 6, 5: 3}
    refused = [(answer.ref, answer.code) for answer in answers if isinstance(answer, rooms.Refused)]
    assert refused == [(2, Code.INTERNAL), (4, Code.INTERNAL)]
    assert [(c.ref, repr(error)) for c, error in one.dead] == [
        (2, "ZeroDivisionError('a bug')"),
        (4, "ZeroDivisionError('a bug')"),
    ]
    assert seqs(await one.carry_out(post("nonce-5"))) == [7]
    check_log(log)


async def test_a_command_that_fails_anywhere_else_is_found_and_put_aside_and_all_others_go_on(
    one: Instance, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A target that the database client cannot encode, as it once was with numbers past 64 bits."""
    right = log.by_key

    async def wrong(keys: list[tuple[str, int]]) -> object:
        if any(seq > 2**63 for _, seq in keys):
            raise OverflowError("too large")
        return await right(keys)

    monkeypatch.setattr(log, "by_key", wrong)
    await one.carry_out(create("other"))
    answers = await one.carry_out(
        post("nonce-1", ref=1),
        rooms.Edit(2, "r", "ann", "op-edit", 2**64 - 1, "new"),
        post("nonce-2", ref=3),
        rooms.Join(4, "r", "cat", "op-join"),
        post("nonce-3", "other", ref=5),
    )
    assert {a.ref: a.seq for a in answers if isinstance(a, rooms.Stored)} == {1: 4, 3: 5, 4: 6, 5: 3}
    assert [(a.ref, a.code) for a in answers if isinstance(a, rooms.Refused)] == [(2, Code.INTERNAL)]
    assert [repr(error) for _, error in one.dead] == ["OverflowError('too large')"]
    assert one.tables.counts["r"] == 3
