"""The safeguards of Warren, and how to take each out of a copy of the source.

A mutation names the experiment that needs the safeguard, and the promises of which the checker must then find one
broken.
"""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.load import Plan
from tests.support.servers import PROJECT

COPIED = ("services", "warren")


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
                "answer = await self._mongo.insert(self._log, documents)",
                "answer: Any = {}\n"
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
            Patch("services/gateway/rooms/in_step.py", "if event.seq != room.head + 1:", "if False:"),
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
