# ruff: noqa: T201 - a command line
"""`python -m tests.faults`: break Warren on purpose and check what it promised.

Starts a Warren of its own; with WARREN_TEST_STACK=<run directory> the one of that directory is used and left running
(it must run with NODE_ENV=development RATE_LIMITS=off).
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import uvloop

from tests.faults import campaign
from tests.faults.experiments import ALL
from tests.faults.load import Plan
from tests.faults.outcomes import Outcome
from tests.faults.report import gather, table, write
from tests.faults.run import Laboratory
from tests.support.stack import keep_logs, running

OUT = Path("test-results/faults")
CAMPAIGN = Path("test-results/campaign")
REPORT = Path("docs/reports/faults.md")


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.splitlines()[0] if __doc__ else "")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("list", help="name the experiments")
    report = commands.add_parser("report", help="write the report of runs that were made before, also unfinished ones")
    report.add_argument("folders", type=Path, nargs="*", default=[OUT], metavar="DIR", help=f"outcomes (default {OUT})")
    report.add_argument("--report", type=Path, default=REPORT, help=f"where it goes (default {REPORT})")
    for name, text in (("run", "run some experiments"), ("all", "run every experiment")):
        one = commands.add_parser(name, help=text)
        if name == "run":
            one.add_argument("names", nargs="+", metavar="NAME", choices=sorted(ALL))
        _add_load(one, rate=30.0, users=20, rooms=8, members=8)
        one.add_argument("--runs", type=int, default=1, help="runs of each experiment, each with a seed of its own")
        one.add_argument("--out", type=Path, default=OUT, help=f"where records go (default {OUT})")
        one.add_argument("--report", type=Path, help="also write a report, for example docs/reports/faults.md")
    _add_campaign(commands.add_parser("campaign", help="an hour of random faults, then everything with many seeds"))
    return top


def _add_load(one: argparse.ArgumentParser, *, rate: float, users: int, rooms: int, members: int) -> None:
    one.add_argument("--seconds", type=float, default=20.0, help="load beside the fault's own time (default 20)")
    one.add_argument("--rate", type=float, default=rate, help=f"messages a second (default {rate:g})")
    one.add_argument("--users", type=int, default=users, help=f"default {users}")
    one.add_argument("--rooms", type=int, default=rooms, help=f"default {rooms}")
    one.add_argument("--members", type=int, default=members, help=f"members of each room (default {members})")
    one.add_argument("--seed", type=int, default=1, help="the first seed (default 1)")


def _add_campaign(one: argparse.ArgumentParser) -> None:
    one.description = (
        "Random faults for PARTS x PART_SECONDS at BUSY_RATE messages a second, then every experiment with RUNS seeds. "
        "The same command goes on with a campaign that was stopped; `report` reports it at any time."
    )
    one.add_argument("--parts", type=int, default=12, help="parts of random faults (default 12)")
    one.add_argument("--part-seconds", type=float, default=300.0, help="seconds of each part (default 300)")
    one.add_argument("--busy-rate", type=float, default=300.0, help="messages a second meanwhile (default 300)")
    one.add_argument("--runs", type=int, default=5, help="runs of each experiment (default 5)")
    _add_load(one, rate=60.0, users=20, rooms=10, members=6)
    one.add_argument("--minutes", type=float, default=float("inf"), help="begin no run after so many (default: no end)")
    one.add_argument("--out", type=Path, default=CAMPAIGN, help=f"where outcomes go (default {CAMPAIGN})")
    one.add_argument("--report", type=Path, default=REPORT, help=f"where the report goes (default {REPORT})")


def plan_of(options: argparse.Namespace) -> Plan:
    return Plan(options.users, options.rooms, min(options.members, options.users), options.rate)


async def carry_out(laboratory: Laboratory, names: list[str], options: argparse.Namespace) -> list[Outcome]:
    found: list[Outcome] = []
    for name in names:
        for seed in range(options.seed, options.seed + options.runs):
            plan = replace(plan_of(options), seed=seed)
            outcome = await laboratory.run(ALL[name], plan, options.seconds)
            found.append(outcome)
            print_outcome(outcome)
    return found


def print_outcome(outcome: Outcome) -> None:
    late = "" if outcome.in_time else f", LATE (limit {outcome.limit:g} s)"
    print(
        f"{outcome.experiment} seed {outcome.seed}: {outcome.by_claim or 'holds'}; {outcome.acknowledged} acknowledged,"
        f" {outcome.delivered} delivered, {outcome.retries} retries; sends again after {outcome.sends:.1f} s,"
        f" caught up after {outcome.caught_up:.1f} s{late}",
        flush=True,
    )
    for name, value in outcome.measured.items():
        print(f"    {name}: {value:,.2f}", flush=True)
    for sentence in [*outcome.missed, *outcome.violations[:5]]:
        print(f"    {sentence}", flush=True)


def run_campaign(options: argparse.Namespace, say: Callable[[str], None]) -> int:
    shape = campaign.Shape(
        replace(campaign.BUSY, rate=options.busy_rate),
        options.parts,
        options.part_seconds,
        plan_of(options),
        options.runs,
        options.seconds,
        options.seed,
        time.monotonic() + options.minutes * 60,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both end it in good order
    try:
        campaign.carry_out(shape, options.out, say, print_outcome)
    except KeyboardInterrupt:
        say("stopped; what was made is reported")
    return report([options.out], options.report)


def report(folders: list[Path], path: Path) -> int:
    """0 when every promise held within its time, and every run could be made."""
    outcomes, not_made = gather(folders)
    if not outcomes:
        print(f"no outcomes in {', '.join(map(str, folders))}: run experiments first", file=sys.stderr)
        return 2
    write(outcomes, path, not_made)
    print(table(outcomes))
    return 0 if not not_made and all(outcome.holds and outcome.in_time for outcome in outcomes) else 1


def main() -> int:
    options = parser().parse_args()
    if options.command == "list":
        for experiment in ALL.values():
            print(f"{experiment.name:26} {experiment.what} (limit {experiment.limit:g} s)")
        return 0
    if options.command == "report":
        return report(options.folders, options.report)
    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"  {time.monotonic() - begun:6.1f} s  {text}", file=sys.stderr, flush=True)

    if options.command == "campaign":
        return run_campaign(options, say)
    names = list(ALL) if options.command == "all" else options.names
    with running() as stack:
        found = uvloop.run(carry_out(Laboratory(stack, options.out, say), names, options))
        if not all(outcome.holds for outcome in found):
            keep_logs(stack)
    print(table(found))
    if options.report:
        write(found, options.report)
    return 0 if all(outcome.holds and outcome.in_time for outcome in found) else 1


if __name__ == "__main__":
    sys.exit(main())
