"""`python -m bench WORKLOAD`: measure the Warren that runs, or one that is started for it."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx
from rich.console import Console

from bench import campaign, curves, plot, show
from bench.figures import Figures
from bench.own import running
from bench.peers import stack
from bench.peers import users as peer_users
from bench.system import NotRunning, find
from infra.deploy.errors import DeployError

PEER_PRECISION = 1.25
"""The search narrows the limit of a peer to this: they are far away."""


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure the Warren of WARREN_RUN_DIR (default .run). When none runs there, one is started for "
        "this measurement, and removed with its data at the end.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, about in campaign.WORKLOADS.items():
        _rates(_common(commands.add_parser(name, help=about)))
    idle = _common(commands.add_parser("idle", help="signed-in sockets that say nothing: memory and CPU"))
    idle.add_argument("--connections", type=int, default=30_000, help="sockets in all (default 30000)")
    storm = _common(commands.add_parser("storm", help="all sockets cut at once: how soon are they back"))
    storm.add_argument("--connections", type=int, default=3_000, help="sockets in all (default 3000)")
    _common(commands.add_parser("kill", help="kill -9 one gateway of three under load"))
    everything = _rates(_common(commands.add_parser("all", help="all of these, one after the other")))
    everything.add_argument("--connections", type=int, default=30_000, help="of idle (default 30000)")
    peers = _rates(_common(commands.add_parser("peers", help="Warren and its peers, one after the other")))
    peers.add_argument("--workload", action="append", choices=[*campaign.WORKLOADS], help="default: all three")
    peers.add_argument("--peer", action="append", choices=[*stack.NAMES], help="default: both")
    peers.add_argument("--idle", type=int, metavar="CONNECTIONS", help="also memory of so many connections")
    peers.add_argument("--kill", action="store_true", help="also kill -9 one server of three")
    peers.add_argument("--without-warren", action="store_true", help="only the peers")
    drawn = _common(commands.add_parser("curves", help="CPU a message over room size, users, gateways, rate"))
    drawn.add_argument("--curve", action="append", choices=[*curves.NAMES], help="default: all five")
    drawn.add_argument("--most-users", type=int, default=3_000, help="accounts take 50 ms each, once (default 3000)")
    flames = _common(commands.add_parser("flame", help="flame graphs of a gateway and of the owner under load"))
    flames.add_argument("--rate", type=float, default=4_000.0, help="of team (default 4000)")
    flames.add_argument("--folder", type=Path, default=Path("docs/reports"), help="for flame-*.svg")
    return top


def _common(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    command.add_argument("--seconds", type=float, default=15.0, help="measured time of each rate (default 15)")
    command.add_argument("--nginx", action="store_true", help="sockets through nginx, not the gateways' own ports")
    command.add_argument("--json", type=Path, help="also write all figures to this file")
    command.add_argument("--plot", type=Path, help="also draw them, as SVG")
    return command


def _rates(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    command.add_argument("--rate", type=float, action="append", help="messages a second; may be given several times")
    command.add_argument("--find", action="store_true", help="search the highest rate that holds")
    return command


async def run_peers(options: argparse.Namespace) -> list[show.Record]:
    """The same workloads against Warren and its peers."""
    warren = find()
    found: list[show.Record] = []

    async def rounds_of(rounds: campaign.Rounds, starts: dict[str, float]) -> None:
        for name in options.workload or campaign.WORKLOADS:
            await rounds.all_of(name, options.rate, find=options.find, start=starts[name])
        if options.idle:
            await rounds.idle(options.idle)
        if options.kill:  # last: a peer does not come back
            await rounds.kill()
        found.extend(rounds.found)

    if not options.without_warren:
        rounds = campaign.Rounds(warren, seconds=options.seconds, nginx=options.nginx)
        await rounds_of(rounds, campaign.STARTS)
    for name in options.peer or stack.NAMES:
        async with stack.running(name, warren) as system:
            await rounds_of(
                campaign.Rounds(system, seconds=options.seconds, precision=PEER_PRECISION, prepare=peer_users.prepare),
                campaign.PEER_STARTS,
            )
    return found


async def run_curves(options: argparse.Namespace) -> None:
    found = await curves.draw(find(), options.curve or curves.NAMES, options.seconds, options.most_users)
    for curve in found:
        Console(width=220).print(curve.table())
    if options.json:
        options.json.write_text(json.dumps([curve.as_dict() for curve in found], indent=2) + "\n")
    if options.plot:
        options.plot.write_text(plot.stacked([curve.picture() for curve in found]))


async def run_flame(options: argparse.Namespace) -> list[show.Record]:
    """Load, and samples during it; the CPU that sampling takes makes the figures of this run worthless."""
    rounds = campaign.Rounds(find(), seconds=options.seconds)
    for path in await rounds.flame(options.rate, options.folder):
        print(path)
    return []


async def run(options: argparse.Namespace) -> list[show.Record]:
    if options.command == "peers":
        return await run_peers(options)
    if options.command == "flame":
        return await run_flame(options)
    system = find()
    rounds = campaign.Rounds(system, seconds=options.seconds, nginx=options.nginx)
    names = [*campaign.WORKLOADS, "idle", "storm", "kill"] if options.command == "all" else [options.command]
    for name in names:
        match name:
            case "idle":
                await rounds.idle(options.connections)
            case "storm":
                await rounds.storm(getattr(options, "connections", 3_000) if options.command == "storm" else 3_000)
            case "kill":
                await rounds.kill()
            case _ if options.find:
                await rounds.find_highest(name)
            case _:
                await rounds.rates(name, options.rate)
    return rounds.found


def report(found: Sequence[show.Record], options: argparse.Namespace) -> None:
    """Tables, and the files that were asked for."""
    measured = [one for one in found if isinstance(one, Figures)]
    console = Console(width=220)
    if measured:
        for shown in (show.runs(measured), show.parts(measured), show.highest(measured)):
            console.print(shown)
    for one in found:
        if not isinstance(one, Figures):
            console.print(show.line(one))
    if options.json:
        options.json.write_text(json.dumps([one.as_dict() for one in found], indent=2) + "\n")
    if options.plot and measured:
        options.plot.write_text(plot.stacked(campaign.pictures(measured)))


def main() -> int:
    options = parser().parse_args()
    try:
        with running():
            if options.command == "curves":
                asyncio.run(run_curves(options))
            else:
                report(asyncio.run(run(options)), options)
    except (NotRunning, DeployError, RuntimeError, httpx.HTTPError) as error:
        print(f"bench: {error or type(error).__name__}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
