"""Which variables compose.yaml is given, and what is read from it."""

from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from infra.deploy.compose_project import Project, size_of, variables_of_offset, variables_of_topology
from infra.deploy.containers import Container
from infra.deploy.engine import Engine
from infra.deploy.errors import DeployError
from infra.deploy.run_dir import RunDir
from infra.deploy.topology import CLUSTER, SERVICES, SINGLE

DESCRIPTION: dict[str, Any] = {
    "name": "warren",
    "services": {
        "nginx": {"ports": [{"published": "3000", "host_ip": "127.0.0.1"}]},
        "consul": {"ports": [{"published": "8500", "host_ip": "127.0.0.1"}]},
        "rabbitmq": {"ports": [{"published": "15672", "host_ip": "192.168.1.5"}]},
        "gateway": {
            "deploy": {"replicas": 3},
            "ports": [{"published": "5000-5019"}, {"published": "6000-6009"}],
        },
        **{name: {"deploy": {"replicas": 2}} for name in ("auth", "presence", "messaging")},
        "mongo-1": {},
        "mongo-2": {"deploy": {"replicas": 1}},
        "mongo-3": {"deploy": {"replicas": 1}},
    },
}


class Described(Project):
    @cached_property
    def description(self) -> dict[str, Any]:
        return DESCRIPTION


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Described(RunDir(tmp_path), Engine(tmp_path, {}))


def container(service: str, number: int) -> Container:
    return Container(str(number), f"warren-{service}-{number}", service, number, "running")


def test_a_cluster_on_the_usual_ports_leaves_everything_to_compose_yaml() -> None:
    assert variables_of_offset(0) | variables_of_topology(CLUSTER, mongo_members=3) == {}


def test_a_single_instance_of_each_has_one_mongodb_member() -> None:
    variables = variables_of_topology(SINGLE, mongo_members=1)
    assert variables.pop("WARREN_MONGO_OTHERS") == "0"
    assert variables.pop("WARREN_MONGO_MEMBERS") == "mongo-1:27017"
    assert variables == dict.fromkeys(("WARREN_AUTH", "WARREN_PRESENCE", "WARREN_MESSAGING", "WARREN_GATEWAYS"), "1")
    assert len(variables) == len(SERVICES)


def test_members_that_hold_data_stay_when_the_services_become_few() -> None:
    assert "WARREN_MONGO_OTHERS" not in variables_of_topology(SINGLE, mongo_members=3)


def test_warrens_at_different_offsets_share_no_port_name_or_network() -> None:
    first, second = variables_of_offset(10000), variables_of_offset(20000)
    assert first.keys() == second.keys()
    assert not [name for name in first if first[name] == second[name]]
    assert first["WARREN_NETWORK"] == "172.30.100"
    assert first["WARREN_GATEWAY_PORTS"] == "15000-15019"


def test_a_scaled_service_keeps_its_number_at_the_next_start(project: Project) -> None:
    found = [container("gateway", number) for number in (1, 2, 3, 4, 5)]
    assert project.counts(found) == {"auth": 2, "presence": 2, "messaging": 2, "gateway": 5}


def test_members_of_the_replica_set_are_counted(project: Project) -> None:
    assert project.mongo_members == 3


def test_the_smaller_port_range_bounds_the_gateways(project: Project) -> None:
    assert project.most_gateways() == 10
    assert (size_of("5000"), size_of("5000-5019")) == (1, 20)


def test_addresses_are_those_that_people_open(project: Project) -> None:
    assert project.address("nginx") == "localhost:3000"
    assert project.address("rabbitmq") == "192.168.1.5:15672"


def test_an_unknown_name_is_answered_with_the_known_ones(project: Project) -> None:
    with pytest.raises(DeployError, match="choose one of nginx, consul"):
        project.check_name("redis-7")
    project.check_name("gateway")
    project.check_name(None)


def test_wiping_forgets_what_the_data_was_made_with(project: Project) -> None:
    project.keep()
    assert sorted(path.name for path in project.run.root.iterdir()) == ["compose-mongo-members", "port-offset"]
    project.forget()
    assert [path.name for path in project.run.root.iterdir() if path.is_file()] == []
