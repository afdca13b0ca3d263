"""What is measured: the addresses of a system's servers, and the CPU seconds and memory of its parts.

Warren is found where it runs natively: its processes carry the mark that the deployment leaves in their environment.
Peers (`bench/peers`) are started with the same mark, beside the database and brokers of that Warren.
"""

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import httpx

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
MARK = "WARREN_RUN"
PROJECT = Path(__file__).parents[1]
DEPLOY = str(PROJECT / "scripts/deploy-distributed.sh")
SERVERS = (("mongodb", "mongod"), ("rabbitmq", "beam.smp"), ("redis", "redis-server"))
WARREN_PARTS = (
    ("gateways", "services.gateway"),
    ("messaging", "services.messaging"),
    *SERVERS,
    ("nginx", "nginx"),
    ("auth", "services.auth"),
    ("presence", "services.presence"),
    ("other", "consul"),
)


class NotRunning(Exception):
    """There is nothing that can be measured; the message says what to do."""


@dataclass(frozen=True)
class System:
    """`rest` and `sockets` are URLs, one for each server that clients connect to; `app` is nginx, or empty.

    `parts` are (name, a word of the command line), the first that fits counts. `front` is the part that holds sockets.
    `pids` are the processes behind `sockets`; `owners` are the URLs of the metrics of those who write.
    """

    name: str
    dialect: str
    app: str
    rest: list[str]
    sockets: list[str]
    run_dir: Path
    parts: tuple[tuple[str, str], ...] = WARREN_PARTS
    front: str = "gateways"
    pids: list[int] = field(default_factory=list)
    owners: list[str] = field(default_factory=list)


def find() -> System:
    """The Warren of WARREN_RUN_DIR (default .run). Raises NotRunning."""
    done = subprocess.run([DEPLOY, "status", "--json"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotRunning(done.stderr.strip())
    status = json.loads(done.stdout)
    gateways = [one for one in status["instances"] if one["service"] == "gateway"]
    return System(
        name="warren",
        dialect="warren",
        app=status["app"],
        rest=[f"http://{one['address']}:{one['port']}" for one in gateways],
        sockets=[f"ws://{one['address']}:{one['socket_port']}" for one in gateways],
        run_dir=Path(os.environ.get("WARREN_RUN_DIR", PROJECT / ".run")).resolve(),
        pids=[int(one["pid"]) for one in gateways],
        owners=[
            f"http://{one['address']}:{one['port']}/metrics"
            for one in status["instances"]
            if one["service"] == "messaging"
        ],
    )


def server_addresses(system: System) -> dict[str, str]:
    """MONGODB_URI, REDIS_URL and RABBITMQ_URL of the running servers."""
    lines = (system.run_dir / "env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def cpu_seconds(system: System) -> dict[str, float]:
    """User and system seconds so far of each part, dead children included."""
    used = dict.fromkeys((name for name, _ in system.parts), 0.0)
    for pid, part in _processes(system):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        except OSError:
            continue  # it ended meanwhile
        used[part] += sum(int(fields[i]) for i in (11, 12, 13, 14)) / TICKS
    return used


async def writes(system: System) -> float:
    """Writes to the room log so far; 0 for a system that does not count them."""
    found = 0.0
    async with httpx.AsyncClient() as http:
        for url in system.owners:
            lines = (await http.get(url)).text.splitlines()
            found += sum(float(line.split()[1]) for line in lines if line.startswith("warren_writes_total "))
    return found


def machine_seconds() -> float:
    """Seconds so far in which a core of this machine did something, for anybody; stolen ones too."""
    user, nice, system, _idle, _waiting, irq, softirq, stolen = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + irq + softirq + stolen) / TICKS


def memory_bytes(system: System) -> dict[str, int]:
    """Resident memory of each part."""
    used = dict.fromkeys((name for name, _ in system.parts), 0)
    for pid, part in _processes(system):
        try:
            used[part] += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
        except OSError:
            continue
    return used


def _processes(system: System) -> list[tuple[str, str]]:
    """(pid, part). A process belongs to the system by the mark in its environment, or by its parent: nginx writes over
    its environment, but its master names the run folder."""
    mark, folder_name = f"{MARK}={system.run_dir}".encode(), str(system.run_dir)
    fitting: dict[str, tuple[str, str]] = {}
    ours: set[str] = set()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
            words = (folder / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
            parent = (folder / "stat").read_text().rpartition(") ")[2].split()[1]
        except OSError:
            continue
        part = next((name for name, word in system.parts if word in words), None)
        if part is not None:
            fitting[folder.name] = part, parent
            if mark in environment or f"{folder_name}/" in words:
                ours.add(folder.name)
    return [(pid, part) for pid, (part, parent) in fitting.items() if pid in ours or parent in ours]
