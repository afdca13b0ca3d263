"""Load processes: started with a JSON job on stdin, they say `ready`, are told when to begin, and answer in JSON."""

import asyncio
import json
import resource
import sys
from types import TracebackType
from typing import Any, Self

ANSWER_SECONDS = 300
SPARE_FILES = 500
"""Files that a load process has open besides its sockets, generously."""


class LoadProcess:
    """`async with LoadProcess("bench.load", job) as load`: connected and ready inside. Raises RuntimeError."""

    def __init__(self, module: str, job: dict[str, Any]) -> None:
        self._module = module
        self._job = job
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self._module,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=2**30,
        )
        self.tell(json.dumps(self._job))
        try:
            await self._line()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    def tell(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")

    async def answer(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(await self._line())
        return found

    async def _line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), ANSWER_SECONDS)
        if not line:
            raise RuntimeError("a load process ended early; what it said is above")
        return line.decode()

    async def _end(self) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


def most_sockets() -> int:
    """How many sockets one process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 60_000 if hard == resource.RLIM_INFINITY else hard
    if soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most - SPARE_FILES
