"""A request's id is logged beside the `ref` of its command, when that failed for a reason that nobody was told."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from services.gateway.rest.traced import TracedCommands
from warren.contracts import rooms
from warren.contracts.errors import Code, Refusal

POST = rooms.Post(7, "lunch", "ann", "nonce-001", "hello")


class Owner:
    """Refuses with `code`; None: stores."""

    def __init__(self, code: Code | None) -> None:
        self.code = code

    def next_ref(self) -> int:
        return 7

    def submit(self, command: rooms.AnyCommand) -> None: ...

    async def ask(self, command: rooms.AnyCommand) -> rooms.Stored:
        if self.code is not None:
            raise Refusal(self.code, "no")
        return rooms.Stored(command.ref, 1, 0)


async def logged(code: Code) -> list[Any]:
    with capture_logs() as lines, pytest.raises(Refusal, match="no"):
        await TracedCommands(Owner(code)).ask(POST)
    return [(line["event"], line["room"], line["ref"], line["kind"]) for line in lines]


@pytest.mark.parametrize("code", [Code.INTERNAL, Code.DEADLINE_EXCEEDED])
async def test_what_failed_without_a_reason_is_logged_with_its_ref(code: Code) -> None:
    assert await logged(code) == [("a command failed", "lunch", 7, "Post")]


async def test_what_was_refused_for_a_reason_or_stored_is_not() -> None:
    assert await logged(Code.NOT_A_MEMBER) == []
    with capture_logs() as lines:
        assert (await TracedCommands(Owner(None)).ask(POST)).seq == 1
    assert lines == []
