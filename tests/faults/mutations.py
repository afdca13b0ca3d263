# ruff: noqa: T201 - a command line
"""Does the suite notice when a safeguard is missing? `python -m tests.faults.mutations [NAME ...]`

Each mutation takes one safeguard out of a copy of the source, lets the instances of a running Warren restart from that
copy, and runs the experiment that needs the safeguard: the checker must find a violation. Afterwards the instances
run from the real source again. Uses a Warren as `tests/support/stack.py` does.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import uvloop

from tests.faults.experiments import ALL
from tests.faults.outcomes import Outcome
from tests.faults.run import Laboratory
from tests.faults.safeguards import MUTATIONS, Mutation, copy_with
from tests.support.servers import PROJECT
from tests.support.stack import Stack, running

OUT = Path("test-results/faults/mutations")
VERDICT = ".verdict"
SECONDS = 12.0
RUNS = 3
SHOWN = 160


class Verdict(msgspec.Struct):
    """What the checker said of Warren without one safeguard."""

    name: str
    what: str
    experiment: str
    by_claim: dict[str, int]
    violations: list[str]
    noticed: bool = False

    @property
    def said(self) -> str:
        counts = ", ".join(f"{claim}: {count}" for claim, count in self.by_claim.items()) or "all well"
        return f"{'noticed' if self.noticed else 'NOT NOTICED'} ({counts})"


@contextmanager
def mutated(stack: Stack, mutation: Mutation) -> Iterator[None]:
    """The instances of the service run from the mutated source as long as the context lasts."""
    folder = Path(tempfile.mkdtemp(prefix="warren-mutation-"))
    names: list[str] = []
    try:
        copy_with(mutation.patches, folder)
        names = stack.ids(mutation.service)
        stack.stop(*names)
        if mutation.drop_index:
            _drop_indexes(stack)
        _start_from(stack, names, folder)
        yield
    finally:
        stack.stop(*names)
        if mutation.drop_index:
            _empty_log(stack)
        _start_from(stack, names, PROJECT)
        shutil.rmtree(folder)


def _drop_indexes(stack: Stack) -> None:
    """The mutated instances make them as they think right."""
    with stack.mongo() as client:
        client.get_default_database()["room_log"].drop_indexes()


def _empty_log(stack: Stack) -> None:
    """What is stored twice would not let the index be made again; the instances make it when they start."""
    with stack.mongo() as client:
        database = client.get_default_database()
        database["room_log"].drop_indexes()
        for collection in ("room_log", "rooms", "members"):
            database[collection].delete_many({})


def _start_from(stack: Stack, names: list[str], folder: Path) -> None:
    for name in names:
        spec = stack.run_dir / "conf" / "programs" / f"{name}.json"
        program = json.loads(spec.read_text())
        program["directory"] = str(folder)
        spec.write_text(json.dumps(program))
    stack.start(*names)


async def prove(laboratory: Laboratory, mutation: Mutation) -> Outcome:
    """Run the experiment against the mutated Warren, until the checker notices, with RUNS seeds at most: whether a
    frozen owner has something in its hands is chance."""
    with mutated(laboratory.stack, mutation):
        await laboratory.healthy()
        for more in range(RUNS):
            plan = replace(mutation.plan, seed=mutation.plan.seed + more)
            outcome = await laboratory.run(ALL[mutation.experiment], plan, SECONDS)
            if mutation.claims & set(outcome.by_claim):
                break
    await laboratory.healthy()
    return outcome


async def prove_all(stack: Stack, mutations: Iterable[Mutation]) -> list[Verdict]:
    """One after the other; each verdict is kept in OUT as soon as it is there."""
    laboratory = Laboratory(stack, OUT, lambda text: print(f"  {text}", file=sys.stderr, flush=True))
    verdicts = []
    for mutation in mutations:
        outcome = await prove(laboratory, mutation)
        verdict = Verdict(mutation.name, mutation.what, mutation.experiment, outcome.by_claim, outcome.violations[:1])
        verdict.noticed = bool(mutation.claims & set(outcome.by_claim))
        (OUT / f"{mutation.name}{VERDICT}").write_bytes(msgspec.json.encode(verdict))
        print(f"{mutation.name} ({mutation.what}): {verdict.said}", *outcome.violations[:3], sep="\n    ", flush=True)
        verdicts.append(verdict)
    return verdicts


def write(path: Path) -> None:
    """The report of all verdicts in OUT. Raises OSError."""
    kept = {
        found.name: found
        for found in (msgspec.json.decode(one.read_bytes(), type=Verdict) for one in OUT.glob(f"*{VERDICT}"))
    }
    rows = [kept[mutation.name] for mutation in MUTATIONS if mutation.name in kept]
    lines = [
        "# Does the fault suite notice?",
        "",
        f"Each safeguard taken out of a copy of the source by itself, {datetime.now(UTC):%Y-%m-%d}: "
        "`./scripts/faults.sh mutations`. The claims are those of [faults.md](faults.md); a number is how many times "
        "the checker found one broken.",
        "",
        "| safeguard | taken out | experiment | the checker said | for example |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        example = row.violations[0][:SHOWN].replace("|", "/") if row.violations else ""
        lines.append(f"| {row.name} | {row.what} | {row.experiment} | {row.said} | {example} |")
    path.write_text("\n".join(lines) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.mutations", description=(__doc__ or "").splitlines()[0]
    )
    names = [mutation.name for mutation in MUTATIONS]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)} (default: all)")
    parser.add_argument("--report", type=Path, help="write the verdicts, also earlier ones: docs/reports/mutations.md")
    options = parser.parse_args()
    if unknown := set(options.names) - set(names):
        parser.error(f"no such mutation: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    with running() as stack:
        chosen = [mutation for mutation in MUTATIONS if not options.names or mutation.name in options.names]
        verdicts = uvloop.run(prove_all(stack, chosen))
    if options.report:
        write(options.report)
    return 0 if all(verdict.noticed for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
