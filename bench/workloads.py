"""Who talks to whom. A workload is users, and rooms as lists of user numbers."""

import random
from dataclasses import dataclass

BODY_BYTES = 100


@dataclass(frozen=True)
class Workload:
    """`rooms[i]` are the members of room i. A message goes to a random room from a random member of it."""

    name: str
    users: int
    rooms: list[list[int]]
    kind: str = "group"

    @property
    def key(self) -> str:
        """Names its rooms: workloads with the same key share them."""
        return f"{self.name}:{self.users}:{len(self.rooms)}:{len(self.rooms[0])}"

    def deliveries(self, room: int) -> int:
        """How many sockets get a message of this room: every member has one."""
        return len(self.rooms[room])


def team(users: int = 300, rooms: int = 30, members: int = 30, name: str = "team") -> Workload:
    """Every user is in several rooms; members are spread evenly."""
    chosen = random.Random(1)
    return Workload(name, users, [sorted(chosen.sample(range(users), members)) for _ in range(rooms)])


def big_room(members: int = 1_000) -> Workload:
    """One room with everybody in it."""
    return Workload("big-room", members, [list(range(members))])


def direct(pairs: int = 1_000) -> Workload:
    """Pairs that talk to each other only."""
    return Workload("direct", 2 * pairs, [[2 * i, 2 * i + 1] for i in range(pairs)], kind="direct")
