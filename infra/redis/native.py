"""Redis for native mode."""

from infra.deploy.ports import Ports
from infra.deploy.program import Program
from infra.deploy.run_dir import RunDir


def url(run: RunDir, ports: Ports) -> str:
    return f"redis://:{run.secret('redis-password')}@127.0.0.1:{ports.redis}/0"


def program(run: RunDir, ports: Ports, executable: str) -> Program:
    conf = run.write_conf("redis.conf", render(run, ports))
    return Program("redis", [executable, conf], ports={ports.redis: "Redis"})


def render(run: RunDir, ports: Ports) -> str:
    """Sessions must survive a restart of Redis, so every write is logged and synced each second."""
    return f"""\
bind 127.0.0.1
port {ports.redis}
unixsocket ""
protected-mode yes
requirepass {run.secret("redis-password")}
dir "{run.data("redis")}"
appendonly yes
appendfsync everysec
save ""
daemonize no
logfile ""
maxclients 4096
tcp-backlog 128
hz 10
"""
