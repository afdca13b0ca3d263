"""The commands of `./scripts/deploy-distributed.sh`."""

import argparse
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from infra.deploy import mode as modes
from infra.deploy.errors import DeployError
from infra.deploy.mode import DOCKER, NATIVE, Mode
from infra.deploy.run_dir import RunDir
from infra.deploy.status import Instance, Status
from infra.deploy.topology import check_service, parse_scale

NAME = "./scripts/deploy-distributed.sh"
EPILOG = """\
environment:
  CLUSTER_MODE=false    one instance of each service and one MongoDB member (default: true)
  WARREN_RUN_DIR        where data, logs and configuration live (default: .run in the project)
  WARREN_PORT_OFFSET    added to every port, to run a second Warren beside the first (default: 0)
  WARREN_LISTEN         native: the address nginx listens on (default: 127.0.0.1; others need CLIENT_URL too)
  WARREN_TOOLS_DIR      native: where downloaded programs are kept (default: .run/tools in the project)
  JWT_EXPIRE, ROOM_PARTITIONS, ROOM_SPREAD, RATE_LIMITS, LOG_LEVEL, CLIENT_URL, NODE_ENV are handed to the services
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it did what was asked, 1 with one line on stderr when a person has to act."""
    options = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stops again what was started, like Ctrl-C
    try:
        _run(options)
    except DeployError as error:
        print(f"warren: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("warren: interrupted", file=sys.stderr)
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    which = shared.add_mutually_exclusive_group()
    for name, text in (
        (NATIVE, "run as processes of this machine"),
        (DOCKER, "run with Docker Compose (default where an engine answers)"),
    ):
        # SUPPRESS: the flag may stand before or after the command, and neither place undoes the other.
        which.add_argument(
            f"--{name}", dest="mode", action="store_const", const=name, default=argparse.SUPPRESS, help=text
        )
    top = argparse.ArgumentParser(
        prog=NAME,
        description="Install, start, watch and stop a whole Warren on this machine.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[shared],
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text[0].upper() + text[1:], parents=[shared])

    command("up", "start everything that is not running yet (default)")
    status = command("status", "list the instances as Consul sees them")
    status.add_argument("--json", action="store_true", help="print one JSON document")
    logs = command("logs", "print the newest log lines")
    logs.add_argument("service", nargs="?", help="for example gateway, gateway-2 or rabbitmq")
    logs.add_argument("-f", "--follow", action="store_true", help="keep printing until interrupted")
    scale = command("scale", "change how many instances of a service run")
    scale.add_argument("counts", nargs="+", metavar="SERVICE=NUMBER", help="for example gateway=5")
    restart = command("restart", "restart a service, one instance at a time")
    restart.add_argument("service", help="auth, presence, messaging or gateway")
    down = command("down", "stop everything")
    down.add_argument("--wipe", action="store_true", help="remove the data, logs and secrets too")
    infra = command("infra", "start or stop only the servers (RabbitMQ, MongoDB, Redis, Consul), for tests")
    infra.add_argument("action", choices=["up", "down"])
    infra.add_argument("--json", action="store_true", help="print the addresses as one JSON document")
    infra.add_argument("--wipe", action="store_true", help="with down: remove the data too")
    return top


def _run(options: argparse.Namespace) -> None:
    if options.command == "infra":
        _infra(options)
        return
    run_dir = RunDir.of_environment().root
    name = modes.choose(getattr(options, "mode", None), run_dir)
    command = options.command or "up"
    if command not in ("up", "down") and modes.remembered(run_dir) is None:
        raise DeployError(f"Warren is not running: start it with {NAME}")
    mode = modes.load(name)
    match command:
        case "up":
            _up(mode, name, run_dir)
        case "status":
            _print_status(mode.status(), as_json=options.json)
        case "logs":
            mode.logs(options.service, options.follow)
        case "scale":
            mode.scale(parse_scale(options.counts))
        case "restart":
            mode.restart(check_service(options.service))
        case "down":
            mode.down(options.wipe)
            modes.forget(run_dir, wiped=options.wipe)


def _up(mode: Mode, name: str, run_dir: Path) -> None:
    """Remember the mode first, so that `status` and `down` work meanwhile; forget it again on failure."""
    was_up = modes.remembered(run_dir) is not None
    modes.remember(run_dir, name)
    try:
        mode.up()
    except BaseException:
        if not was_up:
            modes.forget(run_dir)
        raise


def _infra(options: argparse.Namespace) -> None:
    from infra.deploy import servers  # only native mode needs it

    if options.action == "up":
        servers.up_alone(as_json=options.json)
    else:
        servers.down_alone(wipe=options.wipe)


def _print_status(status: Status, as_json: bool) -> None:
    if as_json:
        print(status.to_json())
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("INSTANCE", "STATE", "ADDRESS"):
        table.add_column(column)
    for column in ("PORT", "SOCKETS", "PID", "UPTIME"):
        table.add_column(column, justify="right")
    now = datetime.now(UTC)
    for instance in status.instances:
        table.add_row(*_row(instance, now))
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    console.print(f"\napp {status.app}   Consul {status.consul}   RabbitMQ {status.rabbitmq}")


def _row(instance: Instance, now: datetime) -> list[str]:
    colour = "green" if instance.state == "passing" else "red"
    numbers = [instance.port, instance.socket_port, instance.pid]
    return [
        instance.id,
        f"[{colour}]{instance.state}[/{colour}]",
        instance.address,
        *("" if number is None else str(number) for number in numbers),
        uptime(instance.uptime_seconds(now)),
    ]


def uptime(seconds: float | None) -> str:
    """75 -> "1m15s"; "" when unknown."""
    if seconds is None:
        return ""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days}d{hour}h"
    if hours:
        return f"{hour}h{minute:02}m"
    return f"{minute}m{second:02}s" if minute else f"{second}s"
