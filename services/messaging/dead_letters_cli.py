"""`python -m services.messaging dead-letters`: list, show, replay and drop commands that could not be carried out."""

import argparse
import asyncio
import json
import logging
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from aiormq.exceptions import AMQPError

from services.messaging.dead_letter_box import Box, CannotReplay, Letter, age, opened
from services.messaging.settings import MessagingSettings
from warren.chassis.channel import Rejected, Unroutable
from warren.chassis.settings import SettingsError
from warren.contracts.topology import ROOMS_DEAD

PROGRAM = "python -m services.messaging dead-letters"
ABOUT = f"""\
Commands that could not be carried out wait in the queue {ROOMS_DEAD.name}, each with its reason:

  delivery_limit   every instance that took the batch ended before it was settled: one of its commands
                   probably kills the process. Replay them all once the cause is mended.
  rejected         no instance could decode the batch: it came from another version. Replay it with that version.
  SomeError: ...   this one command failed with this error; its sender was told `internal`.

A replayed command goes to the end of its room, unless it was stored
meanwhile (its sender tried again): then nothing happens.
"""
AFTER = """\
WHICH is a position or an id as `list` shows them. Positions change when letters are taken out, ids do not.

Reads RABBITMQ_URL and ROOM_PARTITIONS from the environment, like the service (or RABBITMQ_URL_FILE).
Interrupting it loses nothing: what was not settled goes back into the queue. Letters that somebody else is looking at
at the same moment do not show. Exit codes: 0 done, 1 something could not be done, 2 wrong use.
"""


def parser() -> argparse.ArgumentParser:
    formatting = argparse.RawDescriptionHelpFormatter
    made = argparse.ArgumentParser(PROGRAM, description=ABOUT, epilog=AFTER, formatter_class=formatting)
    actions = made.add_subparsers(dest="action", required=True, metavar="list|show|replay|drop")
    listing = actions.add_parser("list", help="a table of all letters: position, id, room, kind, reason, age, tries")
    listing.add_argument("--json", action="store_true", help="one JSON object a line instead")
    show = actions.add_parser("show", help="everything about one letter, as JSON, with the bodies of its messages")
    show.add_argument("which", metavar="WHICH", nargs=1)
    for name, about in (
        ("replay", "send the commands back to their rooms' queues, and take the letters out"),
        ("drop", "take letters out for good; their commands are never carried out"),
    ):
        action = actions.add_parser(name, help=about)
        chosen = action.add_mutually_exclusive_group(required=True)
        chosen.add_argument("which", metavar="WHICH", nargs="*", default=[])
        chosen.add_argument("--all", action="store_true", help="all that are there now")
    return made


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Returns the exit code."""
    arguments = parser().parse_args(argv)
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)  # its errors reach us, and people, as one line
    try:
        settings = MessagingSettings.load("messaging", environ)
        return asyncio.run(_run(arguments, settings))
    except SettingsError as error:
        return _complain(str(error), 2)
    except KeyboardInterrupt:
        return _complain("interrupted; what was not settled is back in the queue", 1)
    except (AMQPError, OSError) as error:
        return _complain(f"RabbitMQ cannot be reached, see RABBITMQ_URL: {error!r}", 1)


async def _run(arguments: argparse.Namespace, settings: MessagingSettings) -> int:
    async with opened(settings.rabbitmq_url) as box:
        if arguments.action == "list":
            return _list(box.letters, as_json=arguments.json)
        missing = [which for which in arguments.which if not _chosen(box.letters, [which])]
        if missing:
            return _complain(f"there is no letter {', '.join(missing)}; see `list`. Nothing was changed", 1)
        everything = getattr(arguments, "all", False)
        chosen = list(box.letters) if everything else _chosen(box.letters, arguments.which)
        if arguments.action == "show":
            _say(json.dumps(_full(chosen[0]), indent=2, ensure_ascii=False))
            return 0
        if arguments.action == "replay":
            return await _replay(box, chosen, settings.room_partitions)
        for letter in chosen:
            await box.drop(letter)
            _say(f"dropped {letter.id}: {_kinds(letter)} in {_rooms(letter)}")
        return 0


async def _replay(box: Box, chosen: list[Letter], partitions: int) -> int:
    code = 0
    for letter in chosen:
        try:
            count = await box.replay(letter, partitions)
        except CannotReplay as error:
            code = _complain(f"{letter.id} stays: {error}", 1)
        except (Unroutable, Rejected) as error:
            why = "is full" if isinstance(error, Rejected) else "does not exist (has the messaging service run here?)"
            code = _complain(f"{letter.id} stays: the queue {error} {why}; try again later", 1)
        else:
            _say(f"replayed {letter.id}: {count} commands in {_rooms(letter)}")
    return code


def _chosen(letters: Sequence[Letter], which: Sequence[str]) -> list[Letter]:
    return [letter for letter in letters if str(letter.position) in which or letter.id in which]


def _list(letters: Sequence[Letter], *, as_json: bool) -> int:
    rows = [_row(letter) for letter in letters]
    if as_json:
        for row in rows:
            _say(json.dumps(row, ensure_ascii=False))
        return 0
    if not rows:
        _say("There are no dead letters.")
        return 0
    table = [[name.upper() for name in rows[0]], *([str(value) for value in row.values()] for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    for line in table:
        _say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    return 0


def _row(letter: Letter) -> dict[str, Any]:
    return {
        "position": letter.position,
        "id": letter.id,
        "room": _rooms(letter),
        "kind": _kinds(letter),
        "age": age(letter),
        "tries": letter.tries,
        "reason": letter.reason,
    }


def _full(letter: Letter) -> dict[str, Any]:
    commands = [
        {"kind": _kind(command), **{name: getattr(command, name) for name in command.__struct_fields__}}
        for command in (letter.batch.commands if letter.batch else [])
    ]
    sender = letter.batch.gateway if letter.batch else None
    body = None if letter.batch else letter.body.hex()
    headers = msgspec.to_builtins(letter.headers)
    return _row(letter) | {"gateway": sender, "commands": commands, "undecodable_hex": body, "headers": headers}


def _rooms(letter: Letter) -> str:
    if letter.batch is None or not letter.batch.commands:
        return "?"
    names = list(dict.fromkeys(command.room for command in letter.batch.commands))
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _kinds(letter: Letter) -> str:
    if letter.batch is None:
        return f"{len(letter.body)} bytes"
    counts = Counter(_kind(command) for command in letter.batch.commands)
    return ", ".join(kind if count == 1 else f"{count} {kind}" for kind, count in counts.items()) or "empty"


def _kind(command: msgspec.Struct) -> str:
    return str(command.__struct_config__.tag)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()  # what was done is said, even if the next moment ends us


def _complain(line: str, code: int) -> int:
    sys.stderr.write(f"dead-letters: {line}\n")
    return code
