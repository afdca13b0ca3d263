"""How long gateways gather: nothing at low load, as long as a write takes under load, never long."""

import pytest

from services.messaging.rooms.pace import BUSY_COMMANDS, MOST_SECONDS, gather_ms


@pytest.mark.parametrize("commands", range(BUSY_COMMANDS))
def test_a_quiet_owner_lets_nobody_wait(commands: int) -> None:
    assert gather_ms(commands, 1.0) == 0


def test_a_busy_owner_has_them_gather_for_as_long_as_its_write_took() -> None:
    assert gather_ms(BUSY_COMMANDS, 0.012) == 12


def test_however_long_a_write_took_they_gather_no_longer_than_people_bear() -> None:
    assert gather_ms(500, 30.0) == MOST_SECONDS * 1000
