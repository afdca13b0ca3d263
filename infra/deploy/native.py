"""Native mode (`infra.deploy.mode.Mode`): the servers and services as supervised processes of this machine."""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from infra.consul import native as consul_native
from infra.deploy import logs as log_files
from infra.deploy import ports as port_plan
from infra.deploy import preflight, readiness, round_trip, servers, services, web_app
from infra.deploy.errors import DeployError
from infra.deploy.install import apt
from infra.deploy.ports import Ports
from infra.deploy.program import Program
from infra.deploy.progress import Progress
from infra.deploy.run_dir import RunDir
from infra.deploy.status import Status, read_instances, with_missing
from infra.deploy.supervision import Supervisor
from infra.deploy.together import together
from infra.deploy.topology import Topology, default_topology
from infra.nginx import native as nginx_native

COMMAND = "./scripts/deploy-distributed.sh"


@dataclass(frozen=True)
class Warren:
    """The native Warren of one run directory."""

    run: RunDir
    ports: Ports
    supervisor: Supervisor
    progress: Progress

    @classmethod
    def of_environment(cls) -> "Warren":
        run = RunDir.of_environment()
        return cls(run, Ports.of(run), Supervisor(run), Progress())

    @property
    def consul(self) -> str:
        return consul_native.address(self.ports)

    @property
    def app_url(self) -> str:
        return f"http://localhost:{self.ports.app}"

    def topology(self) -> Topology:
        """What is wanted: what the last `up` or `scale` said while something runs, else what CLUSTER_MODE says."""
        path = self.run.root / "topology.json"
        if path.exists() and self.supervisor.running:
            kept = json.loads(path.read_text())
            return Topology(kept["instances"], kept["mongo_members"])
        return self.topology_of_environment()

    def topology_of_environment(self) -> Topology:
        """What CLUSTER_MODE says, but never fewer MongoDB members than hold data."""
        return Topology(default_topology(os.environ.get("CLUSTER_MODE")).instances, servers.wanted_members(self.run))

    def keep(self, topology: Topology) -> None:
        kept = {"instances": dict(topology.instances), "mongo_members": topology.mongo_members}
        (self.run.root / "topology.json").write_text(json.dumps(kept) + "\n")

    def programs(self, topology: Topology, executables: servers.Executables) -> list[Program]:
        members = topology.mongo_members
        found = servers.addresses(self.run, self.ports, members)
        servers.write_addresses(self.run, found)
        nginx = nginx_native.executable()
        if nginx is None:
            raise DeployError("nginx is missing: run `apt-get install -y nginx`, then this again")
        listen = os.environ.get("WARREN_LISTEN") or "127.0.0.1"
        return [
            *servers.programs(self.run, self.ports, members, executables),
            *services.programs(self.run, self.ports, topology, found),
            *nginx_native.programs(self.run, self.ports, nginx, listen),
        ]


def up() -> None:
    warren, begun = Warren.of_environment(), time.monotonic()
    with preflight.locked(warren.run):
        preflight.check_disk(warren.run)
        topology = warren.topology()
        if os.environ.get("CLUSTER_MODE") and topology != warren.topology_of_environment():
            warren.progress.say(
                f"CLUSTER_MODE is left aside for what is here: {topology}. To change it: {COMMAND} down"
            )
        executables = _install(warren)
        programs = warren.programs(topology, executables)
        ours = preflight.clear_the_way(warren.run, warren.supervisor, programs, warren.progress)
        if not ours:
            warren.progress.say("Warren is up already: nothing to start, only making sure that all is well")
        try:
            _start(warren, topology, programs)
        except BaseException:
            if ours:
                with warren.progress.step("stop again what was started"):
                    _take_back(warren, ours)
            raise
    _say_where(warren, time.monotonic() - begun)


def status() -> Status:
    warren = Warren.of_environment()
    return Status(
        app=warren.app_url,
        consul=f"http://127.0.0.1:{warren.ports.consul_http}",
        rabbitmq=f"http://127.0.0.1:{warren.ports.rabbitmq_management}",
        instances=with_missing(read_instances(warren.consul), services.instances(warren.topology())),
    )


def logs(service: str | None, follow: bool) -> None:
    run = RunDir.of_environment()
    command = log_files.tail_command(log_files.chosen(run.logs, service), follow)
    with contextlib.suppress(KeyboardInterrupt):  # the way to end --follow
        subprocess.run(command, check=False)


def scale(counts: dict[str, int]) -> None:
    warren = Warren.of_environment()
    with preflight.locked(warren.run):
        _check_running(warren)
        before, after = warren.topology(), warren.topology().scaled(counts)
        programs = warren.programs(after, servers.find_executables(warren.run, warren.progress))
        running = preflight.running_programs(warren.supervisor)
        new = [program for program in programs if program.name not in running]
        port_plan.check_free({port: purpose for program in new for port, purpose in program.ports.items()})
        fewer = services.instances(before).keys() - services.instances(after).keys()
        with warren.progress.step(f"stop {', '.join(sorted(fewer))}" if fewer else f"start {len(new)} instances"):
            warren.supervisor.run(programs)
        warren.keep(after)
        readiness.forget_strangers(warren.consul, services.instances(after))
        readiness.wait_for(warren.run, warren.supervisor, warren.consul, services.instances(after), warren.progress)


def restart(service: str) -> None:
    warren = Warren.of_environment()
    with preflight.locked(warren.run):
        _check_running(warren)
        ids = [id for id, of in services.instances(warren.topology()).items() if of == service]
        for id in ids:
            with warren.progress.step(f"restart {id}"):
                warren.supervisor.stop([id])
                warren.supervisor.start_stopped([id])
                readiness.wait_for_service(warren.run, warren.supervisor, warren.consul, service, [id])


def down(wipe: bool) -> None:
    run, progress = RunDir.of_environment(), Progress()
    with preflight.locked(run):
        with progress.step("stop nginx, the services, then the servers"):
            servers.stop_all(run, Supervisor(run))
        (run.root / "topology.json").unlink(missing_ok=True)
        services.forget_given(run)
        if wipe:
            with progress.step("remove data, logs, configuration and secrets"):
                servers.wipe_data(run)


def _install(warren: Warren) -> servers.Executables:
    """Fetch what is missing. Distribution packages together, as apt does one thing at a time."""
    missing = servers.packages_missing()
    if nginx_native.executable() is None:
        missing.append("nginx")
    if missing:
        with warren.progress.step(f"install {', '.join(missing)}"):
            apt.install(missing)
    return servers.find_executables(warren.run, warren.progress)


def _start(warren: Warren, topology: Topology, programs: Sequence[Program]) -> None:
    """Servers first, the app's build beside them, services when their database has a user; then see that all works."""
    instances = services.instances(topology)
    running = preflight.running_programs(warren.supervisor)
    first = [program for program in programs if program.name not in instances or program.name in running]
    if "nginx" not in running:
        nginx_native.expect_gateways(warren.run, warren.ports, topology.instances["gateway"])
    warren.ports.keep(warren.run)
    warren.supervisor.run(first)
    warren.keep(topology)
    waits = servers.Waits(warren.run, warren.ports, topology.mongo_members)
    together(
        [
            lambda: waits.all(warren.progress, lambda: warren.supervisor.run(programs)),
            lambda: web_app.ensure_built(warren.run, warren.progress),
        ]
    )
    readiness.forget_strangers(warren.consul, instances)
    readiness.wait_for(warren.run, warren.supervisor, warren.consul, instances, warren.progress)
    with warren.progress.step("a message goes round"):
        round_trip.check(warren.app_url, warren.run)


def _take_back(warren: Warren, ours: Sequence[str]) -> None:
    """Stop what this call started; when that was everything, the supervisor too."""
    if preflight.running_programs(warren.supervisor) <= set(ours):
        servers.stop_all(warren.run, warren.supervisor)
        (warren.run.root / "topology.json").unlink(missing_ok=True)
    else:
        warren.supervisor.stop(ours)


def _check_running(warren: Warren) -> None:
    if not warren.supervisor.running:
        raise DeployError(f"Warren is not running: start it with {COMMAND}")


def _say_where(warren: Warren, seconds: float) -> None:
    password = warren.run.secret_path("rabbitmq-password")
    warren.progress.say(f"""
Warren is ready after {seconds:.0f} s.

  App        {warren.app_url}
  Consul     http://localhost:{warren.ports.consul_http}/ui
  RabbitMQ   http://localhost:{warren.ports.rabbitmq_management}  (user warren, password in {password})

  Status     {COMMAND} status
  Logs       {COMMAND} logs [service] [-f]
  Stop       {COMMAND} down
""")
