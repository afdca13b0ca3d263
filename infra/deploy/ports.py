"""Every port of a native Warren, and who sits on one that should be free.

All ports move by WARREN_PORT_OFFSET, so that several Warrens fit on one machine. The servers' ports are not their usual
ones: a RabbitMQ, Redis or MongoDB that already runs here is never met.
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.deploy.errors import DeployError
from infra.deploy.run_dir import RunDir
from infra.deploy.topology import Topology

MAX_OFFSET = 20000  # keeps every port below 32768, where the kernel starts to hand out ports of its own

_FIRST = {"gateway": 5000, "auth": 7100, "presence": 7200, "messaging": 7300}


@dataclass(frozen=True)
class Ports:
    """The port plan for one offset."""

    offset: int = 0

    @classmethod
    def of(cls, run: RunDir) -> "Ports":
        """The ports of a run directory: its data names them, so the offset it was made with stays.

        Raises DeployError when WARREN_PORT_OFFSET makes no sense or says another one.
        """
        kept = run.root / "port-offset"
        if not kept.exists():
            return cls.of_environment()
        ports = cls(int(kept.read_text()))
        if os.environ.get("WARREN_PORT_OFFSET") and cls.of_environment() != ports:
            raise DeployError(
                f"the data in {run.root} was made with WARREN_PORT_OFFSET={ports.offset}: use that, "
                "or another WARREN_RUN_DIR, or remove the data with `down --wipe`"
            )
        return ports

    @classmethod
    def of_environment(cls) -> "Ports":
        """The ports of WARREN_PORT_OFFSET. Raises DeployError when it makes no sense."""
        text = os.environ.get("WARREN_PORT_OFFSET") or "0"
        if not text.isdigit() or int(text) > MAX_OFFSET:
            raise DeployError(f"WARREN_PORT_OFFSET is {text!r}: set it to a number from 0 to {MAX_OFFSET}")
        return cls(int(text))

    def keep(self, run: RunDir) -> None:
        (run.folder() / "port-offset").write_text(f"{self.offset}\n")

    def every(self, topology: Topology) -> list[int]:
        """All ports that a Warren of this many instances and MongoDB members listens on."""
        services = [
            self.service(service, index) for service, count in topology.instances.items() for index in range(count)
        ]
        sockets = [self.socket(index) for index in range(topology.instances["gateway"])]
        members = [self.mongo(index) for index in range(topology.mongo_members)]
        single = [getattr(self, name) for name, value in vars(Ports).items() if isinstance(value, property)]
        return [*services, *sockets, *members, *single]

    def service(self, service: str, index: int) -> int:
        """The PORT of an instance; `index` counts from 0."""
        return _FIRST[service] + index + self.offset

    def socket(self, index: int) -> int:
        """The SOCKET_PORT of a gateway."""
        return 6000 + index + self.offset

    def mongo(self, index: int) -> int:
        return 9701 + index + self.offset

    @property
    def app(self) -> int:
        return 3000 + self.offset

    @property
    def consul_http(self) -> int:
        return 8500 + self.offset

    @property
    def consul_server(self) -> int:
        return 8300 + self.offset

    @property
    def consul_serf_lan(self) -> int:
        return 8301 + self.offset

    @property
    def consul_serf_wan(self) -> int:
        return 8302 + self.offset

    @property
    def epmd(self) -> int:
        return 9669 + self.offset

    @property
    def erlang_distribution(self) -> int:
        return 9670 + self.offset

    @property
    def amqp(self) -> int:
        return 9672 + self.offset

    @property
    def rabbitmq_management(self) -> int:
        return 9673 + self.offset

    @property
    def rabbitmq_prometheus(self) -> int:
        return 9674 + self.offset

    @property
    def redis(self) -> int:
        return 9679 + self.offset


def check_free(wanted: Mapping[int, str]) -> None:
    """Raises DeployError naming the first of `wanted` (port -> what it is for) that something else listens on."""
    for port, purpose in wanted.items():
        if is_free(port):
            continue
        owner = owner_of(port)
        by = f" by {owner}" if owner else ""
        raise DeployError(
            f"port {port}, wanted for {purpose}, is in use{by}: "
            "stop that, or move all of Warren's ports with WARREN_PORT_OFFSET=10000"
        )


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do, or a port whose last connections are still in TIME_WAIT would look taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def owner_of(port: int) -> str | None:
    """Name and pid of the process that listens on `port`, as far as this user may see it."""
    inodes = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            if any(str(link.readlink()) in inodes for link in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
        except OSError:  # another user's process, or gone meanwhile
            continue
    return None


def _listening_inodes(port: int) -> list[str]:
    listening = "0A"
    inodes = []
    for table in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == listening and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.append(fields[9])
    return inodes
