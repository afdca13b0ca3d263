"""One more gateway, whose only way to RabbitMQ leads through the suite's own proxy."""

import asyncio
import json
import os
import subprocess
from urllib.parse import urlsplit, urlunsplit

import httpx

from tests.faults.experiment import Scene
from tests.faults.proxy import BrokerProxy
from tests.support.processes import free_port
from tests.support.servers import PROJECT

SERVER_ID = "gateway-behind-proxy"
READY_SECONDS = 30.0
STOP_SECONDS = 25.0


def the_proxy(scene: Scene) -> BrokerProxy:
    found = scene.kept["proxy"]
    assert isinstance(found, BrokerProxy)
    return found


async def start_gateway(scene: Scene) -> None:
    """Clients are sent there first (`scene.urls`). Raises TimeoutError when it is not ready in time."""
    program = json.loads((scene.stack.run_dir / "conf/programs/gateway-1.json").read_text())
    environment = {**os.environ, **program["environment"]}
    broker = urlsplit(environment["RABBITMQ_URL"])
    proxy = BrokerProxy(free_port(), (str(broker.hostname), int(broker.port or 5672)))
    await proxy.start()
    scene.kept["proxy"] = proxy
    port, socket_port = free_port(), free_port()
    login = broker.netloc.rpartition("@")[0]
    environment |= {
        "RABBITMQ_URL": urlunsplit(broker._replace(netloc=f"{login}@127.0.0.1:{proxy.port}")),
        "SERVER_ID": SERVER_ID,
        "PORT": str(port),
        "SOCKET_PORT": str(socket_port),
    }
    log = (scene.stack.run_dir / "logs" / f"{SERVER_ID}.log").open("ab")
    with log:
        scene.kept["gateway"] = subprocess.Popen(
            program["command"], cwd=program["directory"] or PROJECT, env=environment, stdout=log, stderr=log
        )
    async with httpx.AsyncClient(trust_env=False, timeout=2) as http, asyncio.timeout(READY_SECONDS):
        while not await _is_ready(http, f"http://127.0.0.1:{port}/health/ready"):
            await asyncio.sleep(0.1)
    scene.urls.insert(0, f"ws://127.0.0.1:{socket_port}/ws")


async def stop_gateway(scene: Scene) -> None:
    process: subprocess.Popen[bytes] = scene.kept["gateway"]
    process.terminate()
    try:
        await asyncio.to_thread(process.wait, STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    await the_proxy(scene).stop()


async def _is_ready(http: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await http.get(url)).status_code == 200
    except httpx.TransportError:
        return False
