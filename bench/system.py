"""The Warren that is measured: its addresses, and the CPU seconds and memory of its parts.

Native mode only: the processes are found by the mark that the deployment leaves in their environment.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
MARK = "WARREN_RUN"
PROJECT = Path(__file__).parents[1]
PARTS = (
    ("gateway", "services.gateway"),
    ("messaging", "services.messaging"),
    ("auth", "services.auth"),
    ("presence", "services.presence"),
    ("mongodb", "mongod"),
    ("rabbitmq", "beam.smp"),
    ("redis", "redis-server"),
    ("nginx", "nginx"),
    ("consul", "consul"),
)


class NotRunning(Exception):
    """There is no Warren to measure; the message says how to start one."""


@dataclass(frozen=True)
class System:
    """`rest` and `sockets` are URLs, one for each gateway; `app` is nginx."""

    app: str
    rest: list[str]
    sockets: list[str]
    run_dir: Path


def find() -> System:
    """The Warren of WARREN_RUN_DIR (default .run). Raises NotRunning."""
    command = [str(PROJECT / "scripts/deploy-distributed.sh"), "status", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotRunning(
            f"{done.stderr.strip()} (for benchmarks: NODE_ENV=development RATE_LIMITS=off "
            "./scripts/deploy-distributed.sh up --native)"
        )
    status = json.loads(done.stdout)
    gateways = [one for one in status["instances"] if one["service"] == "gateway"]
    rest = [f"http://{one['address']}:{one['port']}" for one in gateways]
    sockets = [f"ws://{one['address']}:{one['socket_port']}" for one in gateways]
    return System(status["app"], rest, sockets, Path(os.environ.get("WARREN_RUN_DIR", PROJECT / ".run")).resolve())


def cpu_seconds(system: System) -> dict[str, float]:
    """User and system seconds so far of each part, dead children included."""
    used = dict.fromkeys((name for name, _ in PARTS), 0.0)
    for pid, part in _processes(system):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        except OSError:
            continue  # it ended meanwhile
        used[part] += sum(int(fields[i]) for i in (11, 12, 13, 14)) / TICKS
    return used


def machine_seconds() -> float:
    """Seconds so far in which a core of this machine did something, for anybody; stolen ones too."""
    user, nice, system, _idle, _waiting, irq, softirq, stolen = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + irq + softirq + stolen) / TICKS


def memory_bytes(system: System) -> dict[str, int]:
    """Resident memory of each part."""
    used = dict.fromkeys((name for name, _ in PARTS), 0)
    for pid, part in _processes(system):
        try:
            used[part] += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
        except OSError:
            continue
    return used


def _processes(system: System) -> list[tuple[str, str]]:
    mark = f"{MARK}={system.run_dir}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
            words = (folder / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:
            continue
        part = next((name for name, word in PARTS if word in words), None)
        if part is not None and mark in environment:
            found.append((folder.name, part))
    return found
