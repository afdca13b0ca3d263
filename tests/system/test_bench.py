"""`python -m bench` as people call it, where no Warren runs."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers import PROJECT

SECONDS = 300
RATE, MEASURED, OTHERS = 20, 3.0, 29
"""Messages a second, for so many seconds, each to the sender and so many more."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the benchmark puts everything it makes. Its path is short: a socket's name has 108 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="bench-") as made:
        yield Path(made)


async def begin(folder: Path, *words: str) -> asyncio.subprocess.Process:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WARREN_TEST")}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bench", "team", "--rate", str(RATE), "--seconds", str(MEASURED), *words),
        cwd=PROJECT,
        env={**kept, "PYTHONUNBUFFERED": "1", "TMPDIR": str(folder), "WARREN_RUN_DIR": str(folder / "nobody")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


def processes_of(folder: Path) -> list[str]:
    """Command lines of what runs in a folder, or was told of it."""
    found, name = [], str(folder).encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command, environment = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
        except OSError:  # it ended meanwhile
            continue
        if name in command or name in environment:
            found.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return found


async def test_a_benchmark_starts_a_warren_where_none_runs_measures_it_and_removes_it(folder: Path) -> None:
    figures = folder / "figures.json"
    bench = await begin(folder, "--json", str(figures), "--plot", str(folder / "figures.svg"))
    async with asyncio.timeout(SECONDS):
        printed, _ = await bench.communicate()
    assert bench.returncode == 0, printed.decode()
    assert "no Warren runs" in printed.decode() and "Highest rate" in printed.decode()
    found: dict[str, Any] = json.loads(figures.read_text())[0]
    messages = RATE * MEASURED
    assert found["sent"] == found["acked"] == messages
    assert found["delivered"] == messages * (1 + OTHERS), "to everybody in the room, its sender too"
    assert (found["lost"], found["twice"], found["errors"]) == (0, 0, 0)
    assert 0 < found["delivery_p50"] <= found["delivery_p99"]
    assert min(found["us_per_message_by_part_net"][part] for part in ("gateways", "messaging", "mongodb")) > 0
    assert "<svg" in (folder / "figures.svg").read_text()
    assert not processes_of(folder)
    assert sorted(one.name for one in folder.iterdir()) == ["figures.json", "figures.svg"]


async def test_a_benchmark_that_is_ended_removes_its_warren_first(folder: Path) -> None:
    bench = await begin(folder)
    assert bench.stdout is not None
    async with asyncio.timeout(SECONDS):
        async for line in bench.stdout:
            if line.startswith(b"making"):
                break
        assert any("mongod" in one for one in processes_of(folder))
        bench.terminate()
        printed, _ = await bench.communicate()
    assert bench.returncode == 130, printed.decode()
    assert "interrupted" in printed.decode()
    assert not processes_of(folder) and not list(folder.iterdir())
