# ruff: noqa: T201 - a command line
"""Does the suite notice when a safeguard is missing? `python -m tests.faults.mutations [NAME ...]`

Each mutation takes one safeguard out of a copy of the source, lets the instances of a running Warren restart from that
copy, and runs the experiment that needs the safeguard: the checker must find a violation. Afterwards the instances
run from the real source again. Uses a Warren as `tests/support/stack.py` does.
"""

import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.experiments import ALL
from tests.faults.load import Plan
from tests.faults.outcomes import Outcome
from tests.faults.run import Laboratory
from tests.support.servers import PROJECT
from tests.support.stack import Stack, running

COPIED = ("services", "warren")
OUT = Path("test-results/faults/mutations")
SECONDS = 12.0


@dataclass(frozen=True)
class Patch:
    """Replace `old`, which must be there exactly once, in `file`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutation:
    """`claims`: the violations of which the checker must find at least one."""

    name: str
    what: str
    service: str
    patches: tuple[Patch, ...]
    experiment: str
    claims: frozenset[str]
    drop_index: bool = False
    plan: Plan = field(default_factory=Plan)


NO_INDEX = Patch("services/messaging/store/indexes.py", "unique=True,", "unique=False,")
MUTATIONS = (
    Mutation(
        "unique-index",
        "the unique index of nonces is gone",
        "messaging",
        (NO_INDEX,),
        "late-retry",
        frozenset({"C2"}),
        drop_index=True,
    ),
    Mutation(
        "nonce-dedupe",
        "nobody remembers nonces",
        "messaging",
        (
            NO_INDEX,
            Patch(
                "services/messaging/rooms/room.py",
                "known = self._nonces.get((command.user, nonce))",
                "known: Known | None = None",
            ),
        ),
        "drop-acks",
        frozenset({"C2"}),
        drop_index=True,
    ),
    Mutation(
        "fence",
        "an owner writes although its seq is taken, as if it still owned the room",
        "messaging",
        (
            NO_INDEX,
            Patch(
                "services/messaging/store/log.py",
                "await self._log.insert_many([to_document(entry) for entry in entries], ordered=True)",
                "documents = [to_document(entry) for entry in entries]\n"
                "            await self._log.bulk_write(\n"
                '                [ReplaceOne({"_id": one["_id"]}, one, upsert=True) for one in documents]\n'
                "            )",
            ),
            Patch(
                "services/messaging/store/log.py",
                "from pymongo import DESCENDING, UpdateOne",
                "from pymongo import DESCENDING, ReplaceOne, UpdateOne",
            ),
        ),
        "freeze-owner",
        frozenset({"C1", "C2", "C3"}),
        drop_index=True,
        plan=Plan(rate=100),
    ),
    Mutation(
        "membership",
        "everybody may post everywhere",
        "messaging",
        (
            Patch(
                "services/messaging/rooms/room.py",
                "return permissions.check_member(member.role if member else None, public=self.public)",
                "return member.role if member else permissions.MEMBER",
            ),
        ),
        "kill-presence",
        frozenset({"C5"}),
    ),
    Mutation(
        "gap-repair",
        "a gateway passes on what comes after a gap",
        "gateway",
        (
            Patch("services/gateway/rooms/local_rooms.py", "if event.seq != room.head + 1:", "if False:"),
            Patch(
                "services/gateway/rooms/local_rooms.py",
                "if room.phase is not Phase.OPENING and chosen(room):",
                "if False:",
            ),
        ),
        "lose-gateway-events",
        frozenset({"C1", "C3"}),
    ),
    Mutation(
        "majority",
        "a write is acknowledged by one member of MongoDB alone",
        "messaging",
        (Patch("warren/chassis/mongo.py", 'WriteConcern("majority", j=True, wtimeout=WRITE_MS)', "WriteConcern(1)"),),
        "lose-quorum",
        frozenset({"C8"}),
    ),
)


def copy_with(patches: Iterable[Patch], to: Path) -> None:
    """A copy of the services' source with the patches. Raises AssertionError when the source has moved on."""
    for name in COPIED:
        shutil.copytree(PROJECT / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))
    for patch in patches:
        path = to / patch.file
        text = path.read_text()
        assert text.count(patch.old) == 1, f"{patch.file} does not have {patch.old!r} exactly once: adapt the mutation"
        path.write_text(text.replace(patch.old, patch.new))


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
    """Run the experiment against the mutated Warren."""
    with mutated(laboratory.stack, mutation):
        await laboratory.healthy()
        outcome = await laboratory.run(ALL[mutation.experiment], mutation.plan, SECONDS)
    await laboratory.healthy()
    return outcome


def main(names: list[str]) -> int:
    chosen = [mutation for mutation in MUTATIONS if not names or mutation.name in names]
    with running() as stack:
        unnoticed = asyncio.run(prove_all(stack, chosen))
    return 1 if unnoticed else 0


async def prove_all(stack: Stack, mutations: Iterable[Mutation]) -> list[str]:
    """The names of those that the checker did not notice."""
    laboratory = Laboratory(stack, OUT, lambda text: print(f"  {text}", file=sys.stderr, flush=True))
    unnoticed = []
    for mutation in mutations:
        outcome = await prove(laboratory, mutation)
        found = mutation.claims & set(outcome.by_claim)
        print(f"{mutation.name} ({mutation.what}): {'noticed' if found else 'NOT NOTICED'}, {outcome.by_claim}")
        for violation in outcome.violations[:3]:
            print(f"    {violation}", flush=True)
        if not found:
            unnoticed.append(mutation.name)
    return unnoticed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
