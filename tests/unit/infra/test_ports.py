import socket

import pytest

from infra.deploy import ports
from infra.deploy.errors import DeployError
from infra.deploy.ports import MAX_OFFSET, Ports
from infra.deploy.run_dir import RunDir
from infra.deploy.topology import CLUSTER, SERVICES, Topology


def test_the_ports_of_the_documentation_are_the_default() -> None:
    plan = Ports()
    assert plan.app == 3000
    assert [plan.service("gateway", index) for index in range(3)] == [5000, 5001, 5002]
    assert [plan.socket(index) for index in range(3)] == [6000, 6001, 6002]
    assert plan.consul_http == 8500


def test_no_port_is_used_twice_even_with_a_hundred_instances_of_each_service() -> None:
    crowded = Topology(dict.fromkeys(SERVICES, 100), mongo_members=3)
    found = Ports().every(crowded)
    assert len(found) == len(set(found))


def test_no_port_is_the_usual_one_of_a_server_that_may_already_run_here() -> None:
    assert not {5672, 15672, 15692, 4369, 25672, 6379, 27017} & set(Ports().every(CLUSTER))


def test_every_port_stays_below_those_that_the_kernel_hands_out() -> None:
    assert max(Ports(MAX_OFFSET).every(CLUSTER)) < 32768


def test_the_offset_moves_every_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARREN_PORT_OFFSET", "1000")
    assert Ports.of_environment().every(CLUSTER) == [port + 1000 for port in Ports().every(CLUSTER)]


@pytest.mark.parametrize("text", ["ten", "-1", str(MAX_OFFSET + 1)])
def test_an_offset_that_makes_no_sense_is_refused_by_name(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARREN_PORT_OFFSET", text)
    with pytest.raises(DeployError, match=f"WARREN_PORT_OFFSET is '{text}': set it to a number from 0 to 20000"):
        Ports.of_environment()


def test_a_run_directory_stays_on_the_ports_its_data_was_made_with(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    Ports(4000).keep(run)
    monkeypatch.delenv("WARREN_PORT_OFFSET", raising=False)
    assert Ports.of(run).offset == 4000
    monkeypatch.setenv("WARREN_PORT_OFFSET", "5000")
    with pytest.raises(DeployError, match="was made with WARREN_PORT_OFFSET=4000"):
        Ports.of(run)


def test_a_taken_port_is_named_with_its_purpose_and_its_owner() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            DeployError, match=rf"port {port}, wanted for the app, is in use by .+ \(pid \d+\): stop that"
        ):
            ports.check_free({port: "the app"})
    ports.check_free({port: "the app"})
