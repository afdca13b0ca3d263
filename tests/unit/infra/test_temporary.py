import socket
from pathlib import Path

import pytest

from bench.peers.stack import COUNT, FIRST_PORT
from infra.deploy.errors import DeployError
from infra.deploy.ports import Ports
from infra.deploy.temporary import OFFSETS, place, port_offset
from infra.deploy.topology import SERVICES, SINGLE, Topology

OWN = (OFFSETS[0] - 540, OFFSETS[0] - 270)
"""Nobody else takes these, and they share no port with those that others take: tests run side by side."""


def test_a_place_has_an_empty_folder_and_the_settings_and_nothing_of_it_stays() -> None:
    with place({"RATE_LIMITS": "off"}, SINGLE) as environment:
        run_dir = Path(environment["WARREN_RUN_DIR"])
        assert list(run_dir.iterdir()) == []
        assert environment["RATE_LIMITS"] == "off"
        assert int(environment["WARREN_PORT_OFFSET"]) in OFFSETS
        (run_dir / "data").mkdir()
        (run_dir / "data" / "kept").touch()
    assert not run_dir.exists()


def test_an_offset_is_passed_over_while_another_one_holds_it() -> None:
    with port_offset(OWN, SINGLE) as first, port_offset(OWN, SINGLE) as second:
        assert (first, second) == OWN
        with pytest.raises(DeployError, match="no port offset is free"), port_offset(OWN, SINGLE):
            pass
    with port_offset(OWN, SINGLE) as again:
        assert again == first


def test_an_offset_is_passed_over_when_one_of_its_ports_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", Ports(OWN[0]).redis))
        taken.listen()
        with port_offset(OWN, SINGLE) as free:
            assert free == OWN[1]


def test_no_two_offsets_share_a_port_also_with_eight_instances_of_each_service_and_the_peers_of_benchmarks() -> None:
    crowded = Topology(dict.fromkeys(SERVICES, 8), mongo_members=3)
    wanted: set[int] = set()
    for offset in OFFSETS:
        ports = {*Ports(offset).every(crowded), *range(FIRST_PORT + offset, FIRST_PORT + offset + COUNT)}
        assert not ports & wanted
        wanted |= ports
    assert max(wanted) < 32768, "where the kernel starts to hand out ports of its own"
