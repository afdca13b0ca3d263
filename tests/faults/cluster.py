# ruff: noqa: T201 - a command line
"""`python -m tests.faults.cluster`: kill one node of a three-node RabbitMQ cluster under load, on Docker Compose.

Starts a Warren of its own with infra/compose/cluster.yaml and removes it afterwards; needs a Docker engine on Linux.
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import uvloop

from tests.faults.compose_stack import ComposeStack, running
from tests.faults.experiments.cluster import EXPERIMENTS
from tests.faults.load import Plan
from tests.faults.outcomes import Outcome
from tests.faults.report import table
from tests.faults.run import Laboratory

OUT = Path("test-results/faults/cluster")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m tests.faults.cluster", description=(__doc__ or "").splitlines()[0])
    made.add_argument("--runs", type=int, default=3, help="runs, each with a seed and a node of its own (default 3)")
    made.add_argument("--seed", type=int, default=1, help="the first seed (default 1)")
    made.add_argument("--rate", type=float, default=30.0, help="messages a second (default 30)")
    made.add_argument("--seconds", type=float, default=20.0, help="load beside the fault's own time (default 20)")
    made.add_argument("--out", type=Path, default=OUT, help=f"where records and outcomes go (default {OUT})")
    return made


async def carry_out(stack: ComposeStack, options: argparse.Namespace) -> list[Outcome]:
    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"  {time.monotonic() - begun:6.1f} s  {text}", file=sys.stderr, flush=True)

    laboratory = Laboratory(stack, options.out, say)
    found = []
    for seed in range(options.seed, options.seed + options.runs):
        for experiment in EXPERIMENTS:
            plan = replace(Plan(rate=options.rate), seed=seed)
            found.append(await laboratory.run(experiment, plan, options.seconds))
            print(table(found[-1:]), *found[-1].violations[:5], sep="\n", flush=True)
    return found


def main() -> int:
    options = parser().parse_args()
    print("starting Warren on Compose with three RabbitMQ nodes (minutes, when images are to be built) ...", flush=True)
    with running() as stack:
        try:
            found = uvloop.run(carry_out(stack, options))
        finally:
            stack.keep_logs(options.out)
    print(table(found))
    return 0 if all(outcome.holds and outcome.in_time for outcome in found) else 1


if __name__ == "__main__":
    sys.exit(main())
