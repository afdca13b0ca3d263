"""The bytes between services stay readable across versions, in both directions, so that instances of two versions can
run side by side during an upgrade.

`golden/messages.txt` holds, for every message, its bytes (MessagePack, in hex) as each version so far has written
them, oldest first. A new message or a new field at the end needs a new line, which the failing test prints; a line
that is there is never changed or removed.
"""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.contracts.samples import messages, sample
from warren.contracts.codec import decode, encode

GOLDEN = Path(__file__).parent / "golden" / "messages.txt"
MESSAGES = messages()


def golden() -> list[tuple[str, bytes]]:
    lines = [line.split() for line in GOLDEN.read_text().splitlines() if line and not line.startswith("#")]
    return [(name, bytes.fromhex(written)) for name, written in lines]


VERSIONS = golden()


@pytest.mark.parametrize("name", MESSAGES)
def test_what_is_written_now_is_in_the_golden_file(name: str) -> None:
    now = encode(sample(MESSAGES[name]))
    versions = [written for known, written in VERSIONS if known == name]
    assert versions and versions[-1] == now, (
        f"append to {GOLDEN.name}, if older readers can read it:\n{name} {now.hex()}"
    )


@pytest.mark.parametrize(("name", "written"), VERSIONS)
def test_old_bytes_are_read_by_new_types(name: str, written: bytes) -> None:
    assert name in MESSAGES, f"{name} was sent by an earlier version: an instance of that may still send it"
    read = decode(written, MESSAGES[name])
    assert covers(msgspec.msgpack.decode(encode(read)), msgspec.msgpack.decode(written))


@pytest.mark.parametrize(("name", "written"), VERSIONS)
def test_new_bytes_have_what_old_types_read_where_they_read_it(name: str, written: bytes) -> None:
    assert covers(msgspec.msgpack.decode(encode(sample(MESSAGES[name]))), msgspec.msgpack.decode(written))


@pytest.mark.parametrize("name", MESSAGES)
def test_fields_that_a_newer_version_adds_are_passed_over(name: str) -> None:
    kind = MESSAGES[name]
    full = sample(kind)
    content = msgspec.msgpack.decode(encode(full))
    newer = [*content, "new", {"x": 1}] if isinstance(content, list) else content | {"a_new_field": [1]}
    assert decode(encode(newer), kind) == full


def covers(new: Any, old: Any) -> bool:
    """Is all of `old` in `new`, where a reader of `old` looks for it?"""
    if isinstance(old, list):
        return len(new) >= len(old) and all(covers(a, b) for a, b in zip(new, old, strict=False))
    if isinstance(old, dict):
        return all(key in new and covers(new[key], value) for key, value in old.items())
    return bool(new == old)
