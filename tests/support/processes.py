"""Warren's programs as processes, as a supervisor would run them."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import httpx

from tests.support.servers import PROJECT, WORKER, WORKERS
from tests.support.spaces import Space
from tests.support.waiting import until

READY_SECONDS = 30
STOP_SECONDS = 25
_given: set[int] = set()


def free_port() -> int:
    """A port that is free now, from the range that programs choose their own from; never one that was given before,
    here or to another worker."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        mine = port // 2 % WORKERS == WORKER % WORKERS  # the system gives odd ones only, as long as there are any
        if mine and port not in _given:
            _given.add(port)
            return port


def stop_all(programs: Iterable["Program"]) -> None:
    """SIGTERM to those that run, side by side; returns when all have ended."""
    running = [program.process for program in programs if program.is_running]
    for process in running:
        process.send_signal(signal.SIGTERM)
    for process in running:
        process.wait(STOP_SECONDS)


class Program:
    """One running instance. `url` is its ops (and REST) server, `log` the file with its output."""

    def __init__(self, service: str, space: Space, log_dir: Path, **variables: str) -> None:
        self.port = int(variables.pop("PORT", "0")) or free_port()
        self.socket_port = int(variables.pop("SOCKET_PORT", "0")) or free_port()
        self.server_id = variables.pop("SERVER_ID", f"{service}-{self.port}")
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log_dir / f"{self.server_id}.log"
        self._environment = {
            "PATH": os.environ["PATH"],
            "PORT": str(self.port),
            "SERVER_ID": self.server_id,
            "SOCKET_PORT": str(self.socket_port),
            **space.environment,
            **variables,
        }
        self._service = service
        self.start()

    def start(self) -> None:
        """Start it (again)."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", f"services.{self._service}"],
                cwd=PROJECT,
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait_ready(self, seconds: float = READY_SECONDS) -> "Program":
        until(self._is_ready, f"{self.server_id} is ready", seconds, self.log_end)
        return self

    def log_end(self) -> str:
        return "\n".join(self.log.read_text().splitlines()[-15:])

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """SIGKILL, as a crash would end it."""
        self.process.kill()
        self.process.wait(10)

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def _is_ready(self) -> bool:
        assert self.is_running, f"{self.server_id} ended with {self.process.returncode}:\n{self.log_end()}"
        try:
            return httpx.get(f"{self.url}/health/ready", timeout=5, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False
