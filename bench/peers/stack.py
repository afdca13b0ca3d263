"""Three servers of one peer, beside the database and brokers of a running Warren."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

from bench.peers import install
from bench.peers.users import COLLECTIONS, forget
from bench.system import MARK, SERVERS, System, server_addresses

COUNT = 3
FIRST_PORT = 8_640
START_SECONDS = 30
STOP_SECONDS = 5
NAMES = ("socket.io", "python-socketio")


@contextlib.asynccontextmanager
async def running(name: str, warren: System) -> AsyncIterator[System]:
    """`name` is one of NAMES. Ports: COUNT from FIRST_PORT on, plus WARREN_PORT_OFFSET. Raises RuntimeError."""
    first = FIRST_PORT + int(os.environ.get("WARREN_PORT_OFFSET", "0"))
    ports = [first + number for number in range(COUNT)]
    logs = warren.run_dir / "logs"
    started: list[asyncio.subprocess.Process] = []
    try:
        for port in ports:
            started.append(await _start(name, warren, port, logs / f"bench-{name}-{port}.log"))
        for port, process in zip(ports, started, strict=True):
            await _listening(port, process, logs)
        yield System(
            name=name,
            dialect="socket.io",
            app="",
            rest=[],
            sockets=[f"ws://127.0.0.1:{port}" for port in ports],
            run_dir=warren.run_dir,
            parts=(("app", "socketio_node/server.js"), ("app", "server:app"), *SERVERS),
            front="app",
            pids=[process.pid for process in started],
        )
    finally:
        for process in started:
            await _end(process)
        await forget(warren)


async def _start(name: str, warren: System, port: int, log: Path) -> asyncio.subprocess.Process:
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    environment = kept | server_addresses(warren) | {MARK: str(warren.run_dir), "COLLECTIONS": COLLECTIONS}
    if name == "socket.io":
        command = ["node", str(install.NODE / "server.js")]
        environment |= {"PORT": str(port), "NODE_PATH": str(install.node_modules()), "NODE_ENV": "production"}
    else:
        command = [str(install.uvicorn()), "server:app", "--app-dir", str(install.PYTHON), "--loop", "uvloop"]
        command += ["--port", str(port), "--log-level", "warning", "--no-access-log", "--backlog", "4096"]
    with log.open("wb") as output:
        return await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )


async def _listening(port: int, process: asyncio.subprocess.Process, logs: Path) -> None:
    """Wait until it takes connections."""
    deadline = asyncio.get_running_loop().time() + START_SECONDS
    while process.returncode is None and asyncio.get_running_loop().time() < deadline:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise RuntimeError(f"a peer does not listen on port {port}; see {logs}")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):  # then it is killed
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
    if process.returncode is None:
        process.kill()
    await process.wait()
