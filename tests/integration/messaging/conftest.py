"""A gateway's end of the message path."""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import StartProgram
from tests.integration.messaging.gateway import Gateway, gateway
from tests.support.processes import Program
from tests.support.spaces import Space


@pytest.fixture(scope="module")
def messaging(start: StartProgram) -> Program:
    """One instance, for tests that need no more."""
    return start("messaging")


@pytest.fixture
async def edge(space: Space) -> AsyncIterator[Gateway]:
    """Start an instance first: it declares the queues."""
    async with gateway(space) as made:
        yield made
