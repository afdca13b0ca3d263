"""`python -m bench WORKLOAD`: measure a running Warren."""

import argparse
import asyncio
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import workloads
from bench.figures import Figures
from bench.run import measure, measure_idle, measure_storm
from bench.system import NotRunning, System, find
from bench.users import prepare

RATES = {
    "team": [100, 200, 1000, 2000, 4000, 6000],
    "big-room": [16, 32, 64, 96, 128, 150],
    "direct": [500, 1000, 2000, 3000, 5000],
}


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure a running Warren (NODE_ENV=development RATE_LIMITS=off "
        "./scripts/deploy-distributed.sh up --native).",
    )
    top.add_argument("workload", choices=[*RATES, "idle", "storm", "all"])
    top.add_argument("--connections", type=int, default=3_000, help="idle: sockets in all (default 3000)")
    top.add_argument("--rate", type=float, action="append", help="messages a second; may be given several times")
    top.add_argument("--seconds", type=float, default=15.0, help="measured time of each rate (default 15)")
    top.add_argument("--nginx", action="store_true", help="sockets through nginx, not the gateways' own ports")
    top.add_argument("--json", type=Path, help="also write all figures to this file")
    return top


def workload_named(name: str) -> workloads.Workload:
    match name:
        case "team":
            return workloads.team()
        case "big-room":
            return workloads.big_room()
        case _:
            return workloads.direct()


async def run_idle(options: argparse.Namespace, system: System) -> None:
    workload = workloads.team()
    each = max(1, options.connections // workload.users)
    found = await measure_idle(system, workload, await prepare(system, workload), each=each, seconds=options.seconds)
    where = " ".join(f"{part} {share:.3f}" for part, share in found.cpu_share.items() if share >= 0.001)
    print(f"idle: {found.connections:,} sockets, {found.kib_per_connection:.1f} KiB each; cores: {where}")


async def run_storm(system: System) -> None:
    workload = workloads.team(users=3_000, rooms=100)
    found = await measure_storm(system, workload, await prepare(system, workload))
    print(
        f"storm: {workload.users:,} sockets cut at once; half back in {found['half']:.1f} s, all {found['all']:.1f} s"
    )


async def run(options: argparse.Namespace, system: System) -> list[Figures]:
    found: list[Figures] = []
    for name in RATES if options.workload == "all" else [options.workload]:
        workload = workload_named(name)
        idle: dict[str, float] | None = None
        cast = await prepare(system, workload)
        for rate in options.rate or RATES[name]:
            figures = await measure(
                system,
                workload,
                cast,
                rate=rate,
                seconds=options.seconds,
                nginx=options.nginx,
                idle_share=idle,
            )
            idle = figures.idle_share
            found.append(figures)
            _print_line(figures)
    return found


def _print_line(figures: Figures) -> None:
    limit = "  (the load generator is late)" if figures.generator_is_the_limit else ""
    if figures.disturbed:
        limit += f"  (something else on this machine used {figures.elsewhere_share:.2f} cores)"
    print(
        f"{figures.workload} {figures.rate:g}/s: delivery p50 {figures.delivery_p50:.0f}"
        f" p99 {figures.delivery_p99:.0f} ms, lost {figures.lost},"
        f" {figures.cpu_us_per_delivery(net=False):.1f} us CPU per delivery{limit}",
        flush=True,
    )


def table(found: list[Figures]) -> Table:
    """All measurements, one a row."""
    shown = Table(title="Warren, measured")
    headings = (
        *("workload", "msg/s", "sent", "acked", "delivered", "lost", "ack p50/p99/p99.9 ms"),
        *(
            "delivery p50/p99/p99.9 ms",
            "CPU us/delivery (net)",
            "CPU ms/message (net)",
            "cores: where",
            "load",
        ),
    )
    for heading in headings:
        shown.add_column(heading, justify="right")
    for one in found:
        where = " ".join(f"{part} {share:.2f}" for part, share in one.cpu_share.items() if share >= 0.01)
        shown.add_row(
            f"{one.workload} {one.through}", f"{one.rate:g}", f"{one.sent:,}", f"{one.acked:,}", f"{one.delivered:,}",
            f"{one.lost:,}", f"{one.ack_p50:.0f} / {one.ack_p99:.0f} / {one.ack_p999:.0f}",
            f"{one.delivery_p50:.0f} / {one.delivery_p99:.0f} / {one.delivery_p999:.0f}",
            f"{one.cpu_us_per_delivery(net=False):.1f} ({one.cpu_us_per_delivery(net=True):.1f})",
            f"{one.cpu_ms_per_message(net=False):.2f} ({one.cpu_ms_per_message(net=True):.2f})", where,
            f"{one.load_cpu_share:.2f} late {one.load_late_p99:.0f} ms",
        )  # fmt: skip
    return shown


def main() -> int:
    options = parser().parse_args()
    try:
        if options.workload == "idle":
            asyncio.run(run_idle(options, find()))
            return 0
        if options.workload == "storm":
            asyncio.run(run_storm(find()))
            return 0
        found = asyncio.run(run(options, find()))
    except (NotRunning, RuntimeError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    Console(width=200).print(table(found))
    if options.json:
        options.json.write_text(json.dumps([one.as_dict() for one in found], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
