import socket
from pathlib import Path

import pytest

from infra.deploy.errors import DeployError
from infra.deploy.ports import Ports
from infra.deploy.temporary import free_offset, place
from infra.deploy.topology import SINGLE


def test_a_place_has_an_empty_folder_and_the_settings_and_nothing_of_it_stays() -> None:
    with place({"RATE_LIMITS": "off"}, topology=SINGLE) as environment:
        run_dir = Path(environment["WARREN_RUN_DIR"])
        assert list(run_dir.iterdir()) == []
        assert environment["RATE_LIMITS"] == "off"
        assert environment["WARREN_PORT_OFFSET"].isdigit()
        (run_dir / "data").mkdir()
        (run_dir / "data" / "kept").touch()
    assert not run_dir.exists()


def test_an_offset_is_passed_over_when_one_of_its_ports_is_taken() -> None:
    free = free_offset(range(11_000, 20_000, 100), SINGLE)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", Ports(free).redis))
        taken.listen()
        other = free_offset([free, free + 1, free + 2], SINGLE)
        assert other in (free + 1, free + 2)
        with pytest.raises(DeployError, match="no port offset is free"):
            free_offset([free], SINGLE)
