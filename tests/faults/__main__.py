# ruff: noqa: T201 - a command line
"""`python -m tests.faults`: break Warren on purpose and check what it promised.

Starts a Warren of its own; with WARREN_TEST_STACK=<run directory> the one of that directory is used and left running
(it must run with NODE_ENV=development RATE_LIMITS=off).
"""

import argparse
import asyncio
import sys
import time
from pathlib import Path

import msgspec

from tests.faults.experiments import ALL
from tests.faults.load import Plan
from tests.faults.report import table, write
from tests.faults.run import Laboratory, Outcome, with_seed
from tests.support.stack import keep_logs, running

OUT = Path("test-results/faults")


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.splitlines()[0] if __doc__ else "")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("list", help="name the experiments")
    report = commands.add_parser("report", help="write the report of runs that were made before")
    report.add_argument("folder", type=Path, nargs="?", default=OUT, help=f"where their outcomes are (default {OUT})")
    report.add_argument("--report", type=Path, default=Path("docs/reports/faults.md"))
    for name, text in (("run", "run some experiments"), ("all", "run every experiment")):
        one = commands.add_parser(name, help=text)
        if name == "run":
            one.add_argument("names", nargs="+", metavar="NAME", choices=sorted(ALL))
        one.add_argument("--seconds", type=float, default=20.0, help="load beside the fault's own time (default 20)")
        one.add_argument("--rate", type=float, default=30.0, help="messages a second (default 30)")
        one.add_argument("--users", type=int, default=20)
        one.add_argument("--rooms", type=int, default=8)
        one.add_argument("--members", type=int, default=8, help="members of each room (default 8)")
        one.add_argument("--seed", type=int, default=1, help="the first seed (default 1)")
        one.add_argument("--runs", type=int, default=1, help="runs of each experiment, each with a seed of its own")
        one.add_argument("--out", type=Path, default=OUT, help=f"where records go (default {OUT})")
        one.add_argument("--report", type=Path, help="also write a report, for example docs/reports/faults.md")
    return top


async def carry_out(laboratory: Laboratory, names: list[str], options: argparse.Namespace) -> list[Outcome]:
    plan = Plan(options.users, options.rooms, min(options.members, options.users), options.rate)
    found: list[Outcome] = []
    for name in names:
        for seed in range(options.seed, options.seed + options.runs):
            outcome = await laboratory.run(ALL[name], with_seed(plan, seed), options.seconds)
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
    for violation in outcome.violations[:5]:
        print(f"    {violation}", flush=True)


def main() -> int:
    options = parser().parse_args()
    if options.command == "list":
        for experiment in ALL.values():
            print(f"{experiment.name:26} {experiment.what} (limit {experiment.limit:g} s)")
        return 0
    if options.command == "report":
        kept = [msgspec.json.decode(path.read_bytes(), type=Outcome) for path in sorted(options.folder.glob("*.json"))]
        order = list(ALL)
        kept.sort(key=lambda outcome: (order.index(outcome.experiment), outcome.seed))
        write(kept, options.report)
        print(table(kept))
        return 0
    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"  {time.monotonic() - begun:6.1f} s  {text}", file=sys.stderr, flush=True)

    names = list(ALL) if options.command == "all" else options.names
    with running() as stack:
        found = asyncio.run(carry_out(Laboratory(stack, options.out, say), names, options))
        if not all(outcome.holds for outcome in found):
            keep_logs(stack)
    print(table(found))
    if options.report:
        write(found, options.report)
    return 0 if all(outcome.holds and outcome.in_time for outcome in found) else 1


if __name__ == "__main__":
    sys.exit(main())
