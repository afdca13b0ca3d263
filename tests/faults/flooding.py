"""Drives the process that floods, and lets ordinary devices go on where its sockets end."""

import asyncio
import json
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from tests.faults import records
from tests.faults.experiment import Scene
from tests.faults.people import Person, make_room, sign_up
from tests.faults.sends import Pending
from tests.faults.transcript import Left
from tests.support.servers import PROJECT

MEMBERS = 4
AT_ONCE = 16
LINE_BYTES = 256 * 1024 * 1024
BODY = 40


@dataclass
class Flooder:
    """`people` in rooms of MEMBERS, each with one socket at a gateway's own door."""

    scene: Scene
    people: list[Person] = field(default_factory=list)
    rooms: dict[str, list[Person]] = field(default_factory=dict)
    _process: asyncio.subprocess.Process | None = None

    async def start(self, users: int, load: int) -> None:
        """Accounts, rooms, sockets. `load`: how many rooms each is in."""
        rest = self.scene.load.rest
        self.people = await sign_up(rest, users)
        mine: dict[str, list[str]] = {person.id: [] for person in self.people}
        gate = asyncio.Semaphore(AT_ONCE)

        async def one_room(members: list[Person]) -> None:
            async with gate:
                room = await make_room(rest, members[0], members[1:], "flood")
            self.rooms[room] = members
            for person in members:
                mine[person.id].append(room)

        for _ in range(load):
            self.scene.chance.shuffle(self.people)
            groups = [self.people[first : first + MEMBERS] for first in range(0, users, MEMBERS)]
            await asyncio.gather(*(one_room(members) for members in groups))
        gateways = self.scene.stack.gateways
        sockets = [
            {
                "name": f"flood-{number}",
                "user": person.id,
                "url": gateways[number % len(gateways)].ws,
                "token": person.access_token,
                "rooms": mine[person.id],
            }
            for number, person in enumerate(self.people)
        ]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.faults.flood",
            cwd=PROJECT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_BYTES,
        )
        await self.ask(json.dumps({"sockets": sockets, "body": BODY, "seed": self.scene.load.plan.seed}))

    async def ask(self, line: str) -> dict[str, Any]:
        """Say a line, get the answer. Raises AssertionError when the process has ended."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line.encode() + b"\n")
        answer = await self._process.stdout.readline()
        assert answer, "the process that floods has ended: see what it wrote"
        found: dict[str, Any] = json.loads(answer)
        return found

    async def finish(self) -> dict[str, Any]:
        """Its records join the run's, and ordinary devices go on as its sockets."""
        with tempfile.TemporaryDirectory(prefix="warren-flood-") as folder:
            path = Path(folder) / "records.jsonl"
            answer = await self.ask(f"finish {path}")
            self.scene.recorder.extend(await asyncio.to_thread(records.read, path))
        for room, members in self.rooms.items():
            self.scene.load.own(room, members)
        for number, person in enumerate(self.people):
            name = f"flood-{number}"
            left = msgspec.convert(answer["left"][name], Left)
            pending = [Pending(one.room, one.nonce, one.body) for one in left.pending]
            self.scene.load.adopt(name, person, left.last, pending)
        return answer

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
