"""Waits until Consul says that instances are ready, and tidies up what it still knows of earlier runs."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import consul
import requests

from infra.deploy.errors import DeployError
from infra.deploy.progress import Progress
from infra.deploy.run_dir import RunDir
from infra.deploy.status import PASSING, Instance, consul_client, read_service
from infra.deploy.supervision import Supervisor
from infra.deploy.together import together
from infra.deploy.topology import SERVICES

WAIT_SECONDS = 120.0
MOST_STARTS = 4  # one that started so often while we wait does not come up by waiting longer


def wait_for(run: RunDir, supervisor: Supervisor, address: str, wanted: Mapping[str, str], progress: Progress) -> None:
    """Return when every instance of `wanted` (id -> service) runs and passes its checks in Consul.

    Raises DeployError naming the first that does not, with the reason it gives itself.
    """

    def wait(service: str, ids: Sequence[str]) -> None:
        with progress.step(f"{service}: {'1 instance is' if len(ids) == 1 else f'{len(ids)} instances are'} ready"):
            wait_for_service(run, supervisor, address, service, ids)

    by_service = {service: [id for id, of in wanted.items() if of == service] for service in SERVICES}
    together([partial(wait, service, ids) for service, ids in by_service.items() if ids])


def wait_for_service(run: RunDir, supervisor: Supervisor, address: str, service: str, ids: Sequence[str]) -> None:
    """The same for some instances of one service, without a line."""
    _Wait(run, supervisor, address, service, ids).until_ready()


def forget_strangers(address: str, expected: Mapping[str, str]) -> None:
    """Take out of Consul what a crash left registered: instances of ours that should not run."""
    client = consul_client(address)
    for id, service in client.agent.services().items():
        owner = id.removesuffix("-socket")
        if service["Service"] in (*SERVICES, "gateway-socket") and owner not in expected:
            client.agent.service.deregister(id)


@dataclass
class _Wait:
    """Waits for the instances of one service by Consul's blocking queries."""

    run: RunDir
    supervisor: Supervisor
    address: str
    service: str
    ids: Sequence[str]
    pids: dict[str, set[int]] = field(default_factory=dict)

    def until_ready(self) -> None:
        until, index = time.monotonic() + WAIT_SECONDS, None
        known: dict[str, Instance] = {}
        client = consul_client(self.address)
        while True:
            pending = self._pending(known)
            if not pending:
                return
            if time.monotonic() > until:
                raise DeployError(self._why_not(pending[0], known.get(pending[0])))
            try:
                index, instances = read_service(client, self.service, index, wait="1s")
                known = {instance.id: instance for instance in instances}
            except (consul.ConsulException, requests.RequestException):
                index = None  # Consul itself may just be starting again

    def _pending(self, known: Mapping[str, Instance]) -> list[str]:
        """Ids that are not ready. The pid tells a registration of this process from one that its forerunner left."""
        states = self.supervisor.states()
        pending = []
        for id in self.ids:
            pid, instance = states[id]["pid"], known.get(id)
            if instance is None or instance.state != PASSING or instance.pid != pid:
                pending.append(id)
                self._check_starts(id, pid)
        return pending

    def _check_starts(self, id: str, pid: int) -> None:
        seen = self.pids.setdefault(id, set())
        if pid:
            seen.add(pid)
        if len(seen) >= MOST_STARTS:
            raise DeployError(f"{id} ends again and again: {self._last_line(id)} (`logs {id}` has more)")

    def _why_not(self, id: str, instance: Instance | None) -> str:
        reason = self._last_line(id) if instance is None else instance.output or "another process has its name"
        return f"{id} is not ready after {WAIT_SECONDS:.0f} s: {reason} (`logs {id}` has more)"

    def _last_line(self, id: str) -> str:
        path = self.run.logs / f"{id}.log"
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "it logged nothing")
