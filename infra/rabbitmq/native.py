"""RabbitMQ for native mode: a node apart from one that the system may run, in the run directory and on own ports."""

from pathlib import Path

from infra.deploy.ports import Ports
from infra.deploy.program import Program
from infra.deploy.run_dir import RunDir, write_private

USER = "warren"
# The scripts in /usr/sbin insist on the user `rabbitmq` and the system's folders; these are what they call.
SCRIPTS = Path("/usr/lib/rabbitmq/bin")


def url(run: RunDir, ports: Ports) -> str:
    return f"amqp://{USER}:{run.secret('rabbitmq-password')}@127.0.0.1:{ports.amqp}/"


def environment(run: RunDir, ports: Ports) -> dict[str, str]:
    """Everything that keeps the node apart; rabbitmqctl needs the same to reach it."""
    home = run.data("rabbitmq")
    return {
        "HOME": str(home),  # where the Erlang cookie is looked for
        "ERL_EPMD_PORT": str(ports.epmd),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": "warren@localhost",
        "RABBITMQ_DIST_PORT": str(ports.erlang_distribution),
        "RABBITMQ_CONF_ENV_FILE": str(run.conf / "rabbitmq" / "env.conf"),
        "RABBITMQ_CONFIG_FILE": str(run.conf / "rabbitmq" / "rabbitmq.conf"),
        "RABBITMQ_CONFIG_FILES": str(run.folder("conf", "rabbitmq", "conf.d")),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(run.conf / "rabbitmq" / "advanced.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(run.conf / "rabbitmq" / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_PID_FILE": str(home / "pid"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(home / "generated"),
        "RABBITMQ_PLUGINS_EXPAND_DIR": str(home / "plugins"),
        "RABBITMQ_FEATURE_FLAGS_FILE": str(home / "feature_flags"),
        "LANG": "C.UTF-8",
    }


def programs(run: RunDir, ports: Ports) -> list[Program]:
    """Erlang's port mapper, which would else detach itself and outlive everything, and the broker."""
    run.write_conf("rabbitmq/rabbitmq.conf", render(run, ports))
    run.write_conf("rabbitmq/advanced.config", "[].\n")
    run.write_conf("rabbitmq/env.conf", "")
    run.write_conf("rabbitmq/enabled_plugins", "[rabbitmq_management,rabbitmq_prometheus].\n")
    cookie = run.data("rabbitmq") / ".erlang.cookie"
    if not cookie.exists():
        write_private(cookie, run.secret("erlang-cookie"))
        cookie.chmod(0o400)
    shared = environment(run, ports)
    return [
        Program(
            "epmd",
            ["epmd", "-port", str(ports.epmd), "-address", "127.0.0.1"],
            environment=shared,
            ports={ports.epmd: "RabbitMQ (epmd)"},
        ),
        Program(
            "rabbitmq",
            [SCRIPTS / "rabbitmq-server"],
            environment={
                **shared,
                # Makes the script become the node instead of its parent, so that signals reach the node itself.
                "RUNNING_UNDER_SYSTEMD": "true",
                # Idle schedulers sleep instead of spinning: the cores are shared with everything else.
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none"
                " -kernel inet_dist_use_interface {127,0,0,1}",
            },
            ports={
                ports.amqp: "RabbitMQ",
                ports.rabbitmq_management: "RabbitMQ (management)",
                ports.rabbitmq_prometheus: "RabbitMQ (metrics)",
                ports.erlang_distribution: "RabbitMQ (distribution)",
            },
            directory=run.data("rabbitmq"),
            stop_seconds=30,
            open_files=65536,
        ),
    ]


def render(run: RunDir, ports: Ports) -> str:
    """rabbitmq.conf for 3.10 and newer."""
    return f"""\
listeners.tcp.1 = 127.0.0.1:{ports.amqp}
management.tcp.ip = 127.0.0.1
management.tcp.port = {ports.rabbitmq_management}
prometheus.tcp.ip = 127.0.0.1
prometheus.tcp.port = {ports.rabbitmq_prometheus}

# Made on the first start in place of `guest`.
default_user = {USER}
default_pass = {run.secret("rabbitmq-password")}
default_user_tags.administrator = true

heartbeat = 10
# An owner may hold a batch while its database elects a primary; an hour is only for what is truly stuck.
consumer_timeout = 3600000
disk_free_limit.absolute = 256MB
collect_statistics_interval = 10000
# The log of quorum queues is kept in memory until its file is full: the default of 512 MB is for large machines.
raft.wal_max_size_bytes = 67108864
log.console = true
log.console.level = warning
log.file = false
"""
