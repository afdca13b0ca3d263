import pytest

from infra.deploy.errors import DeployError
from infra.deploy.topology import CLUSTER, SINGLE, default_topology, parse_scale


def test_the_cluster_has_two_of_each_service_three_gateways_and_three_members() -> None:
    assert CLUSTER.instances == {"auth": 2, "presence": 2, "messaging": 2, "gateway": 3}
    assert CLUSTER.mongo_members == 3


def test_cluster_mode_false_means_one_of_everything() -> None:
    assert default_topology("false") == SINGLE
    assert set(SINGLE.instances.values()) == {SINGLE.mongo_members} == {1}


def test_cluster_mode_is_on_unless_it_is_turned_off() -> None:
    assert default_topology(None) == default_topology("") == default_topology("true") == CLUSTER


def test_a_strange_cluster_mode_is_refused_with_the_choices() -> None:
    with pytest.raises(DeployError, match="CLUSTER_MODE is 'maybe': set it to true"):
        default_topology("maybe")


def test_several_services_scale_at_once() -> None:
    assert parse_scale(["gateway=5", "auth=3"]) == {"gateway": 5, "auth": 3}
    assert CLUSTER.scaled({"gateway": 5}).instances == {"auth": 2, "presence": 2, "messaging": 2, "gateway": 5}


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("gateway", "write SERVICE=NUMBER, for example gateway=5"),
        ("gateway=", "write SERVICE=NUMBER"),
        ("gateway=-1", "write SERVICE=NUMBER"),
        ("gateway=0", "choose 1 to 100"),
        ("gateway=101", "choose 1 to 100"),
        ("redis=2", "there is no service 'redis': choose one of auth, presence, messaging, gateway"),
    ],
)
def test_a_scale_that_makes_no_sense_is_refused_with_what_would(argument: str, sentence: str) -> None:
    with pytest.raises(DeployError, match=sentence):
        parse_scale([argument])


def test_a_service_named_twice_is_refused() -> None:
    with pytest.raises(DeployError, match="gateway is given twice"):
        parse_scale(["gateway=2", "gateway=3"])
