"""An instance's life: it waits for what is missing, tells the truth about it, and stops when asked."""

import asyncio
import json
import socket
import time

import httpx
import pytest

from services.gateway.sessions import Sessions
from tests.conftest import StartProgram
from tests.support.calls import caller
from tests.support.spaces import Space
from tests.support.waiting import until
from warren.chassis.redis import RedisClient
from warren.contracts import auth


def ready(url: str) -> httpx.Response:
    return httpx.get(f"{url}/health/ready", timeout=5, trust_env=False)


def test_it_waits_for_a_missing_redis_and_becomes_ready_when_it_comes(start: StartProgram, space: Space) -> None:
    instance = start("auth")
    space.servers.control("stop", "redis")
    try:
        late = start("auth", wait=False)
        until(lambda: "Redis is not there yet" in late.log.read_text(), "a log line says what is missing")
        assert late.is_running
        assert ready(late.url).status_code == 503
        until(lambda: ready(instance.url).status_code == 503, "the running instance says that Redis is gone")
        assert not ready(instance.url).json()["checks"]["redis"]["ok"]
    finally:
        space.servers.control("start", "redis")
    late.wait_ready()
    instance.wait_ready()


def test_a_signal_stops_it_in_good_order(start: StartProgram) -> None:
    instance = start("auth")
    assert instance.stop() == 0
    assert '"event": "stopped"' in instance.log.read_text()


@pytest.mark.parametrize(("service", "variable"), [("auth", "PORT"), ("gateway", "PORT"), ("gateway", "SOCKET_PORT")])
def test_one_whose_port_is_taken_ends_in_good_order_and_its_last_line_says_why(
    start: StartProgram, service: str, variable: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        instance = start(service, wait=False, SERVER_ID=f"{service}-{variable.lower()}-taken", **{variable: port})
        assert instance.process.wait(30) == 1
    last = json.loads(instance.log.read_text().splitlines()[-1])
    assert last["event"] == "stopped"
    assert port in last["reason"] and "address already in use" in last["reason"]


def test_it_is_in_consul_by_name_until_it_stops(start: StartProgram, space: Space) -> None:
    instance = start("auth", SERVER_ID="auth-in-consul")
    consul = f"http://{space.servers.consul_http_addr}/v1"

    def checks() -> list[dict[str, str]]:
        answer: list[dict[str, str]] = httpx.get(f"{consul}/health/checks/auth", trust_env=False).json()
        return [check for check in answer if check["ServiceID"] == "auth-in-consul"]

    until(lambda: [check["Status"] for check in checks()] == ["passing"], "the check in Consul passes")
    assert "primary 127.0.0.1" in checks()[0]["Output"]
    instance.stop()
    assert checks() == []


async def test_a_frozen_redis_holds_up_neither_sign_in_nor_requests(start: StartProgram, space: Space) -> None:
    await asyncio.to_thread(start, "auth")
    redis = RedisClient(space.redis_url, "test")
    async with caller(space) as call:
        sessions = Sessions(space.environment["JWT_SECRET"], redis.client, call.rpc)
        await call.rpc.call(auth.REGISTER, auth.Register("ada", "ada@example.org", "long enough"))
        space.servers.control("signal", "STOP", "redis")
        try:
            began = time.monotonic()
            signed_in = await call.rpc.call(auth.LOGIN, auth.Login("ada", "long enough"))
            assert (await sessions.authenticate(signed_in.access_token)).user == signed_in.user.id
            assert time.monotonic() - began < 4
        finally:
            space.servers.control("signal", "CONT", "redis")
    await redis.stop()
