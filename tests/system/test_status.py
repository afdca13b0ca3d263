"""What operators see: `status --json` and Consul."""

import json

import httpx

from tests.support.stack import Stack

EXPECTED = {
    *("auth-1", "auth-2", "presence-1", "presence-2", "messaging-1", "messaging-2"),
    *("gateway-1", "gateway-2", "gateway-3"),
}


async def test_status_as_json_has_the_documented_form(stack: Stack) -> None:
    await stack.ready()
    status = stack.status()
    assert set(status) == {"app", "consul", "rabbitmq", "instances"}
    assert {found["id"] for found in status["instances"]} == EXPECTED
    for found in status["instances"]:
        assert set(found) == {"id", "service", "state", "address", "port", "socket_port", "pid"}
        assert found["service"] == found["id"].rpartition("-")[0]
        assert (found["state"], found["pid"]) == ("passing", stack.pid(found["id"]))
        assert isinstance(found["port"], int)
        assert isinstance(found["socket_port"], int) == (found["service"] == "gateway")
    for url in (status["app"], f"{status['consul']}/ui/", status["rabbitmq"]):
        assert httpx.get(url, trust_env=False, timeout=10).status_code == 200


async def test_status_for_people_lists_every_instance(stack: Stack) -> None:
    await stack.ready()
    table = stack.deploy("status")
    for instance in EXPECTED:
        line = next(line for line in table.splitlines() if line.startswith(instance))
        assert "passing" in line and str(stack.pid(instance)) in line


async def test_consul_shows_every_instance_passing_with_a_text_for_people(stack: Stack) -> None:
    await stack.ready()
    checks = httpx.get(f"{stack.consul}/v1/health/state/any", trust_env=False, timeout=10).json()
    by_instance = {check["ServiceID"]: check for check in checks if check["ServiceID"]}
    sockets = {f"{gateway.id}-socket" for gateway in stack.gateways}
    assert set(by_instance) == EXPECTED | sockets
    for instance, check in by_instance.items():
        assert check["Status"] == "passing", check["Output"]
        report = json.loads(check["Output"].partition("Output: ")[2])
        assert report["server_id"] == instance.removesuffix("-socket")
        assert report["ready"] is True
        assert report["event_loop_lag_ms"] >= 0
        assert report["checks"]["rabbitmq"] == {"ok": True, "text": "a message to myself came round"}
        assert all(finding["text"] for finding in report["checks"].values())
