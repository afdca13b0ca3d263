"""What the engine says about containers, and when the instance in one counts as ready."""

from dataclasses import replace
from typing import Any

from infra.deploy import containers
from infra.deploy.containers import Container
from infra.deploy.status import PASSING, Instance

GATEWAY = Container(
    id="3a0713e27efa" + "0" * 52,
    name="warren-gateway-2",
    service="gateway",
    number=2,
    state="running",
    started="2026-11-26T11:16:35.019123456Z",
)
REGISTERED = Instance("gateway-2", "gateway", PASSING, started="2026-11-26T11:16:36Z")


def description(service: str, number: int, **state: Any) -> dict[str, Any]:
    return {
        "Id": f"{number:064x}",
        "Name": f"/warren-{service}-{number}",
        "Config": {
            "Labels": {"com.docker.compose.service": service, "com.docker.compose.container-number": str(number)}
        },
        "State": {"Status": "running", "ExitCode": 0, "StartedAt": "2026-11-26T11:16:35Z", **state},
        "RestartCount": 1,
    }


def test_containers_are_ordered_by_service_and_number() -> None:
    found = containers.read([description("gateway", 10), description("gateway", 2), description("auth", 1)])
    assert [container.instance_ids[0] for container in found] == ["auth-1", "gateway-2", "gateway-10"]


def test_an_ended_container_tells_its_exit_code_and_how_often_it_was_started_again() -> None:
    (found,) = containers.read([description("replica-set", 1, Status="exited", ExitCode=1)])
    assert (found.state, found.exit_code, found.restarts) == ("exited", 1, 1)


def test_a_passing_instance_of_this_process_is_ready() -> None:
    assert GATEWAY.is_ready([REGISTERED])


def test_an_instance_registered_in_the_second_of_the_start_is_of_this_process() -> None:
    assert GATEWAY.is_ready([replace(REGISTERED, started="2026-11-26T11:16:35Z")])


def test_what_the_forerunner_left_registered_is_not_ready() -> None:
    assert not GATEWAY.is_ready([replace(REGISTERED, started="2026-11-26T11:16:20Z")])


def test_an_instance_that_does_not_tell_its_start_is_believed() -> None:
    assert GATEWAY.is_ready([replace(REGISTERED, started="")])


def test_failing_checks_another_instance_or_a_stopped_container_are_not_ready() -> None:
    assert not GATEWAY.is_ready([replace(REGISTERED, state="critical")])
    assert not GATEWAY.is_ready([replace(REGISTERED, id="gateway-3")])
    assert not replace(GATEWAY, state="restarting").is_ready([REGISTERED])


def test_an_instance_named_by_its_host_name_is_found_too() -> None:
    named_by_host = replace(REGISTERED, id="gateway-3a0713e27efa")
    assert GATEWAY.is_ready([named_by_host])
    assert containers.expected([GATEWAY], [named_by_host]) == {"gateway-3a0713e27efa": "gateway"}


def test_a_container_that_is_not_registered_is_expected_under_its_usual_name() -> None:
    assert containers.expected([GATEWAY], []) == {"gateway-2": "gateway"}


def test_only_warrens_own_services_are_counted() -> None:
    found = [GATEWAY, replace(GATEWAY, number=3), replace(GATEWAY, service="redis")]
    assert containers.counts(found) == {"gateway": 2}
