"""The supervisor (supervisord) of a run directory: renders its configuration, starts it, talks to it, ends it.

It restarts whatever ends, for ever. A program that lasted a second is restarted at once; one that fails sooner is tried
again after 1, 2, 3 ... seconds.
"""

import hashlib
import http.client
import json
import os
import select
import shlex
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from infra.deploy.errors import DeployError
from infra.deploy.program import RUN_MARK, Program
from infra.deploy.run_dir import PROJECT, RunDir

SOCKET_PATH_LIMIT = 100  # a Unix socket's path may have 108 bytes, and supervisord adds a suffix while it binds
KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "LOGNAME", "HOME")
POLL_SECONDS = 0.1

_RUNNING = ("STARTING", "RUNNING", "BACKOFF", "STOPPING")


class Supervisor:
    """One supervisord. `running` is the truth at that moment; every other call needs it to run."""

    def __init__(self, run: RunDir) -> None:
        self._run = run
        self._socket = run.root / "supervisor.sock"
        if len(str(self._socket)) > SOCKET_PATH_LIMIT:
            raise DeployError(f"the path of {run.root} is too long for a socket: set WARREN_RUN_DIR to a shorter one")

    @property
    def running(self) -> bool:
        return self._answers() is not None

    def run(self, programs: Sequence[Program]) -> None:
        """Have exactly `programs` running, whatever runs now."""
        if not self.running:
            self._start(programs)
        else:
            self._update(programs)
            self.start_stopped(program.name for program in programs)

    def _start(self, programs: Sequence[Program]) -> None:
        """Start supervisord, and with it every one of `programs`. Raises DeployError when it does not come up."""
        conf = self._write(programs)
        self._socket.unlink(missing_ok=True)
        environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        executable = Path(sys.executable).with_name("supervisord")
        done = subprocess.run(
            [executable, "-c", conf],
            env={**environment, RUN_MARK: str(self._run.root)},
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0 or not self._wait_for_answer():
            reason = (done.stdout + done.stderr).strip().splitlines()
            raise DeployError(f"supervisord does not start: {reason[-1] if reason else 'see supervisor.log'}")

    def _update(self, programs: Sequence[Program]) -> None:
        """Start new ones, stop and forget others, restart changed ones."""
        self._write(programs)
        added, changed, removed = self._call("reloadConfig")[0]
        self.stop([*changed, *removed])
        for name in (*changed, *removed):
            self._call("removeProcessGroup", name)
        for name in (*added, *changed):
            self._call("addProcessGroup", name)  # starts it too

    def states(self) -> dict[str, dict[str, Any]]:
        """Supervisor's facts by program: `statename`, `pid`, `spawnerr`, `start` ..."""
        return {info["name"]: info for info in self._call("getAllProcessInfo")}

    def stop(self, names: Iterable[str]) -> None:
        """Stop these programs side by side and return when they are gone."""
        wanted = set(names)
        for name, info in self.states().items():
            if name in wanted and info["statename"] in _RUNNING:
                self._call("stopProcess", name, False)
        while any(info["statename"] in _RUNNING for name, info in self.states().items() if name in wanted):
            time.sleep(POLL_SECONDS)

    def start_stopped(self, names: Iterable[str]) -> None:
        for name in names:
            if self.states()[name]["statename"] not in _RUNNING:
                self._call("startProcess", name, False)

    def shutdown(self) -> None:
        """End supervisord and all that it still runs; returns when its process is gone."""
        pid = self._answers()
        if pid is None:
            return
        try:
            ended = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            names = list(self.states())
            self.stop(names)
            for name in names:  # its own shutdown spends a second on each program it has, stopped or not
                self._call("removeProcessGroup", name)
            self._call("shutdown")
            select.select([ended], [], [])
        finally:
            os.close(ended)

    def _write(self, programs: Sequence[Program]) -> Path:
        return self._run.write_conf("supervisord.conf", render(self._run, programs))

    def _wait_for_answer(self) -> bool:
        until = time.monotonic() + 10
        while self._answers() is None:
            if time.monotonic() > until:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def _answers(self) -> int | None:
        """The pid of the supervisord that answers on our socket."""
        try:
            return int(self._call("getPID"))
        except (OSError, http.client.HTTPException):
            return None

    def _call(self, method: str, *arguments: object) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)


def render(run: RunDir, programs: Sequence[Program]) -> str:
    """The configuration of supervisord for these programs."""
    user = "user = root\n" if os.geteuid() == 0 else ""
    head = f"""\
[supervisord]
logfile = {_plain(run.logs / "supervisord.log")}
logfile_maxbytes = 5MB
logfile_backups = 1
loglevel = info
pidfile = {_plain(run.root / "supervisor.pid")}
childlogdir = {_plain(run.logs)}
identifier = warren
minfds = 1024
{user}
[unix_http_server]
file = {_plain(run.root / "supervisor.sock")}
chmod = 0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""
    return head + "".join(_section(run, program) for program in programs)


def _section(run: RunDir, program: Program) -> str:
    spec = run.write_conf(f"programs/{program.name}.json", _spec(run, program))
    # The checksum lets supervisord see that a program changed: it compares command lines, not files.
    checksum = hashlib.sha256(spec.read_bytes()).hexdigest()[:12]
    command = shlex.join([sys.executable, "-S", "-m", "infra.deploy.launch", str(spec), checksum])
    return f"""
[program:{program.name}]
command = {_plain(command)}
directory = {_plain(PROJECT)}
autostart = true
autorestart = true
startsecs = 1
startretries = 1000000000
stopsignal = {program.stop_signal}
stopwaitsecs = {program.stop_seconds}
killasgroup = true
redirect_stderr = true
stdout_logfile = {_plain(run.logs / f"{program.name}.log")}
stdout_logfile_maxbytes = 20MB
stdout_logfile_backups = 2
"""


def _spec(run: RunDir, program: Program) -> str:
    """What launch.py reads."""
    return json.dumps(
        {
            "name": program.name,
            "groups": str(run.root / "groups"),
            "command": [str(part) for part in program.command],
            "environment": {**program.environment, RUN_MARK: str(run.root)},
            "directory": str(program.directory),
            "open_files": program.open_files,
        },
        indent=2,
    )


def _plain(value: object) -> str:
    """supervisord expands %(name)s in values."""
    return str(value).replace("%", "%%")
