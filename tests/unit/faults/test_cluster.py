"""The cluster of the experiment is the one that its files describe."""

import re

from tests.faults.compose_stack import FILES, NODES
from tests.faults.experiments.cluster import node_of
from tests.support.servers import PROJECT

OVERRIDE = PROJECT / FILES.split(":")[1]
CONFIGURATION = PROJECT / "infra/docker/rabbitmq-cluster.conf"


def test_every_node_that_the_brokers_look_for_is_a_service_with_that_host_name() -> None:
    wanted = re.findall(r"nodes\.\d+ = (rabbit@\S+)", CONFIGURATION.read_text())
    hosts = re.findall(r"hostname: (\S+)", OVERRIDE.read_text())
    assert [node_of(name) for name in wanted] == list(NODES)
    assert [name.partition("@")[2] for name in wanted] == hosts


def test_every_node_answers_to_the_name_that_the_services_know() -> None:
    text = OVERRIDE.read_text()
    assert text.count("aliases: [rabbitmq]}") == len(NODES) - 1  # the first one's service has that name itself
    assert text.count(f"{CONFIGURATION.relative_to(PROJECT)}:") == len(NODES)
