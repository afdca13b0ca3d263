import json
from datetime import UTC, datetime

from infra.deploy.cli import uptime
from infra.deploy.status import Instance, Status, in_order, with_missing, worst

GATEWAY = Instance("gateway-1", "gateway", "passing", "127.0.0.1", 5000, 6000, 42, "2026-01-01T00:00:00Z", "fine")


def test_json_has_the_documented_fields_and_no_others() -> None:
    document = json.loads(Status("http://a", "http://c", "http://r", [GATEWAY]).to_json())
    assert document == {
        "app": "http://a",
        "consul": "http://c",
        "rabbitmq": "http://r",
        "instances": [
            {
                "id": "gateway-1",
                "service": "gateway",
                "state": "passing",
                "address": "127.0.0.1",
                "port": 5000,
                "socket_port": 6000,
                "pid": 42,
            }
        ],
    }


def test_an_instance_that_should_run_and_is_not_registered_is_missing() -> None:
    found = with_missing([GATEWAY], {"gateway-1": "gateway", "gateway-2": "gateway", "auth-1": "auth"})
    assert [(instance.id, instance.state) for instance in found] == [
        ("auth-1", "missing"),
        ("gateway-1", "passing"),
        ("gateway-2", "missing"),
    ]


def test_instances_are_listed_by_service_and_number() -> None:
    names = ["gateway-10", "gateway-2", "auth-1"]
    listed = in_order(Instance(name, name.partition("-")[0], "passing") for name in names)
    assert [instance.id for instance in listed] == ["auth-1", "gateway-2", "gateway-10"]


def test_the_worst_check_decides_and_no_check_is_not_ready() -> None:
    assert worst(["passing", "critical", "warning"]) == "critical"
    assert worst(["passing", "warning"]) == "warning"
    assert worst(["passing", "passing"]) == "passing"
    assert worst([]) == "critical"


def test_all_ready_needs_at_least_one_instance_and_no_failing_one() -> None:
    assert Status("", "", "", [GATEWAY]).all_ready
    assert not Status("", "", "", []).all_ready
    assert not Status("", "", "", [GATEWAY, Instance("auth-1", "auth", "critical")]).all_ready


def test_uptime_is_what_passed_since_the_start() -> None:
    now = datetime(2026, 1, 1, 0, 1, 15, tzinfo=UTC)
    assert uptime(GATEWAY.uptime_seconds(now)) == "1m15s"
    assert uptime(Instance("auth-1", "auth", "missing").uptime_seconds(now)) == ""
    assert uptime(59) == "59s"
    assert uptime(7260) == "2h01m"
    assert uptime(90_000) == "1d1h"
