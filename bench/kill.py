"""Kill -9 one server of three under load: does a member that comes back miss what others were told is safe?"""

import asyncio
import os
import signal
import time
from dataclasses import asdict, dataclass
from typing import Any

from bench.process import LoadProcess
from bench.run import LEAD_SECONDS, job, through
from bench.system import System
from bench.users import Cast
from bench.workloads import Workload

SECONDS = 12.0
KILLED_AFTER = 4.0


@dataclass
class Killed:
    """`never_seen`: acknowledged messages that some returning member never saw. `back_seconds`: until all were."""

    system: str
    users: int
    rate: float
    sent: int
    acked: int
    never_seen: int
    cut: int
    never_back: int
    back_seconds: float
    through: str

    def as_dict(self) -> dict[str, Any]:
        return {"kind": "kill"} | asdict(self)


async def measure_kill(system: System, workload: Workload, cast: Cast, *, rate: float, nginx: bool = False) -> Killed:
    """Kills the first of the system's servers that hold sockets."""
    told = job(system, workload, cast, rate, SECONDS, nginx=nginx)
    async with LoadProcess("bench.returning", told) as load:
        at = time.time() + LEAD_SECONDS
        load.tell(str(at))
        await asyncio.sleep(at + KILLED_AFTER - time.time())
        os.kill(system.pids[0], signal.SIGKILL)
        found = await load.answer()
    return Killed(system=system.name, users=workload.users, rate=rate, through=through(nginx=nginx), **found)
