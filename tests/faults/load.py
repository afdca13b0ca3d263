"""All devices together: an open loop of messages, changes to them, members who come and go, and reads.

What is said does not wait for what was said before, so an outage shows as what it is to users. At the end everybody
gets the time that a person would give a chat to catch up; then all rooms are read, and counted, on every device.
"""

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass, field
from typing import Any

from tests.faults import records
from tests.faults.client import Device
from tests.faults.people import Person, Rest, RestError, make_room
from tests.faults.records import Recorder
from tests.faults.sends import Conduct, Pending

SECOND_DEVICE_SHARE = 0.25
CHURN_SECONDS = 0.7
AWAY_SECONDS = 2.0
SETTLE_SECONDS = 60.0
READ_SECONDS = 15.0
COUNTED_DEVICES = 200
EMOJI = ("👍", "🎉", "❤️")


@dataclass(frozen=True)
class Plan:
    """How much load. `rate` in messages a second, `body` in characters, `devices` of each user (and a quarter of them
    have one more)."""

    users: int = 20
    rooms: int = 8
    members: int = 8
    rate: float = 30.0
    body: int = 40
    seed: int = 1
    churn: bool = True
    devices: int = 1


@dataclass
class Load:
    """Between `start` and `settle` it talks."""

    plan: Plan
    rest: Rest
    recorder: Recorder
    people: list[Person]
    urls: list[str]
    devices: list[Device] = field(default_factory=list)
    rooms: list[str] = field(default_factory=list)
    receive_buffers: dict[str, int] = field(default_factory=dict)
    """Devices by name whose socket is to have a receive buffer of so many bytes."""

    def __post_init__(self) -> None:
        self.chance = random.Random(self.plan.seed)
        self._owner: dict[str, Person] = {}
        self._members: dict[str, set[str]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._said = 0

    async def start(self) -> None:
        """Rooms, then devices, then talk. Raises RestError, TimeoutError."""
        plan = self.plan
        for number in range(plan.rooms):
            chosen = self.chance.sample(self.people, min(plan.members, len(self.people)))
            self.own(await make_room(self.rest, chosen[0], chosen[1:], f"fault {number}"), chosen)
        for number, person in enumerate(self.people):
            self._add_device(f"{number}a", person, number)
            for more in range(1, plan.devices):
                self._add_device(f"{number}-{more}", person, number + more)
            if self.chance.random() < SECOND_DEVICE_SHARE:
                self._add_device(f"{number}b", person, number + 1)
        async with asyncio.timeout(SETTLE_SECONDS):
            await asyncio.gather(*(device.ready.wait() for device in self.devices))
        self._tasks.append(asyncio.create_task(self._talk()))
        if plan.churn:
            self._tasks.append(asyncio.create_task(self._come_and_go()))

    def own(self, room: str, members: list[Person]) -> None:
        """Talk in this room too; the first of its members owns it."""
        self.rooms.append(room)
        self._owner[room] = members[0]
        self._members[room] = {person.id for person in members}

    def adopt(self, name: str, person: Person, last: dict[str, int], pending: list[Pending]) -> None:
        """Go on as a device that was somebody else's: what it has of its rooms, and what it still has to say."""
        if all(known.id != person.id for known in self.people):
            self.people.append(person)
        device = self._make_device(name, person, len(self.devices))
        device.take_over(last, pending)
        self.devices.append(device)
        device.start()

    def _add_device(self, name: str, person: Person, number: int) -> None:
        device = self._make_device(name, person, number)
        self.recorder.add(records.Device(time.monotonic(), name, person.id))
        self.devices.append(device)
        device.start()

    def _make_device(self, name: str, person: Person, number: int) -> Device:
        first = number % len(self.urls)
        urls = self.urls[first:] + self.urls[:first]
        conduct = Conduct(receive_buffer=self.receive_buffers.get(name))
        return Device(name, person, urls, self.rest, self.recorder, random.Random(self.chance.random()), conduct)

    async def stop(self) -> None:
        """Leave, whatever the state."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(device.stop() for device in self.devices))

    async def settle(self) -> None:
        """End the talk, wait until everybody has everything, read and count."""
        for task in self._tasks:
            task.cancel()
        for ended in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended
        detail = await self._wait_caught_up()
        self.recorder.add(records.Settled(time.monotonic(), not detail, detail))
        await self._read_everything()

    # Talk

    async def _talk(self) -> None:
        gap, due = 1 / self.plan.rate, time.monotonic()
        while True:
            due += gap
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            device = self.chance.choice(self.devices)
            if not device.server:
                continue  # adopted, and not connected for the first time yet
            room = self.say_something(device)
            if room is not None:
                self._maybe_more(device, room)

    def say_something(self, device: Device) -> str | None:
        """In one of its rooms, which is returned; None when it has no room."""
        rooms = [room for room in self.rooms if device.person.id in self._members[room]]
        if not rooms:
            return None
        room = self.chance.choice(rooms)
        self._said += 1
        device.say(room, f"{self._said} ".ljust(self.plan.body, "x"))
        return room

    def _maybe_more(self, device: Device, room: str) -> None:
        dice = self.chance.random()
        own = [seq for where, seq in device.own if where == room]
        if dice < 0.06 and own:
            device.change("edit", room, self.chance.choice(own), body=f"edited {self._said}")
        elif dice < 0.08 and own:
            device.change("delete", room, self.chance.choice(own))
        elif dice < 0.2 and device.last.get(room, 0) > 1:
            seq = self.chance.randint(max(1, device.last[room] - 20), device.last[room])
            device.change("react", room, seq, emoji=self.chance.choice(EMOJI), on=self.chance.random() < 0.7)
        elif dice < 0.3 and room in device.last:
            device.read(room, device.last[room])

    async def _come_and_go(self) -> None:
        """Somebody is removed, goes on talking into the room, and is added again."""
        away: dict[tuple[str, str], float] = {}
        while True:
            await asyncio.sleep(CHURN_SECONDS)
            now = time.monotonic()
            for room, user in [one for one, until in away.items() if until <= now]:
                with contextlib.suppress(RestError):  # tried again in the next round
                    await self._member("PUT", room, user, {"role": "member"})
                    del away[room, user]
            room = self.chance.choice(self.rooms)
            user = self.chance.choice(sorted(self._members[room] - {self._owner[room].id}))
            if (room, user) not in away:
                away[room, user] = now + AWAY_SECONDS
                with contextlib.suppress(RestError):  # then it is added again although it never left: no harm
                    await self._member("DELETE", room, user)

    async def _member(self, method: str, room: str, user: str, body: Any = None) -> None:
        token = await self._owner[room].token(self.rest)
        await self.rest.call(method, f"/rooms/{room}/members/{user}", token, body)

    # The end

    async def _wait_caught_up(self) -> str:
        """ "" when all is there, else who lacks what."""
        until = time.monotonic() + SETTLE_SECONDS
        while True:
            behind = [
                f"{device.name}: {len(device.pending)} unanswered, {'on' if device.ready.is_set() else 'off'}line"
                for device in self.devices
                if device.pending or not device.ready.is_set()
            ]
            if not behind:
                try:
                    heads = await self._heads()
                except RestError as error:
                    return f"GET /rooms: {error}"
                behind = [
                    f"{device.name}: {room} at {device.last.get(room)} of {heads[device.person.id][room]}"
                    for device in self.devices
                    for room in heads[device.person.id]
                    if device.last.get(room, -1) < heads[device.person.id][room]
                ]
            if not behind:
                return ""
            if time.monotonic() > until:
                return "; ".join(behind[:20])
            await asyncio.sleep(0.3)

    async def _rows(self, person: Person) -> list[Any]:
        rows = (await self.rest.call("GET", "/rooms", await person.token(self.rest), limit=200))["items"]
        return [row for row in rows if row["room"]["id"] in self._members]

    async def _heads(self) -> dict[str, dict[str, int]]:
        rows = await asyncio.gather(*(self._rows(person) for person in self.people))
        return {
            person.id: {row["room"]["id"]: row["head"] for row in mine}
            for person, mine in zip(self.people, rows, strict=True)
        }

    async def _read_everything(self) -> None:
        """Half of the people read to the end, on their first device; then every device counts. A mark is not answered,
        so it is said again until GET /rooms shows it, or the time is over."""
        readers = [device for device in self.devices if device.name.endswith("a")][::2]
        marks = {(device.name, room): device.last[room] for device in readers for room in device.last}
        until = time.monotonic() + READ_SECONDS
        while time.monotonic() < until:
            for device in readers:
                for room in device.last:
                    device.read(room, device.last[room])
            await asyncio.sleep(0.7)
            if await self._all_read(readers):
                break
        now = time.monotonic()
        for (name, room), seq in marks.items():
            self.recorder.add(records.ReadMark(now, name, room, seq))
        for device in self.devices[:COUNTED_DEVICES]:
            for row in await self._rows(device.person):
                self.recorder.add(
                    records.Unread(
                        time.monotonic(),
                        device.name,
                        row["room"]["id"],
                        row["head"],
                        row["n"],
                        row["unread"],
                        row["membership"]["read_seq"],
                    )
                )

    async def _all_read(self, readers: list[Device]) -> bool:
        for device in readers:
            for row in await self._rows(device.person):
                if row["membership"]["read_seq"] < device.last.get(row["room"]["id"], 0):
                    return False
        return True
