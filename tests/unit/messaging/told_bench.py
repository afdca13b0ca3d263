"""Gateways around `steps_bench.World`: what their clients said, and what they were told of it."""

from msgspec import Struct

from services.messaging.rooms.entries import event_of
from services.messaging.rooms.fanout import Parcel
from services.messaging.rooms.room import replay
from tests.unit.messaging.steps_bench import World
from warren.contracts import events, rooms
from warren.contracts.errors import Code

ROOM = "r"


class Said(Struct):
    """A command that a client gave its gateway, and the first answer, which is all that the client hears."""

    command: rooms.AnyCommand
    answer: rooms.Answer | None = None


class Edge(Struct):
    """One gateway: one batch in flight, the others gather behind it."""

    queue: str
    open: list[rooms.AnyCommand] = []
    flying: rooms.CommandBatch | None = None
    number: int = 0
    listens: bool = False
    told: int = 0
    """The highest `seq` that it was told."""


class Edges:
    """Checks at the moment of telling that nothing is told which is not so."""

    def __init__(self) -> None:
        self.world = World(self.receive)
        self.edges = [Edge("gateway.a.1", []), Edge("gateway.b.1", [])]
        self.said: dict[int, Said] = {}
        self.acked: dict[tuple[str, str], int] = {}
        self._refs = 0

    def ref(self) -> int:
        self._refs += 1
        return self._refs

    def submit(self, edge: int, command: rooms.AnyCommand) -> None:
        self.said[command.ref] = Said(command)
        self.edges[edge].open.append(command)

    def flush(self, edge: int) -> None:
        mine = self.edges[edge]
        if mine.flying is None and mine.open:
            mine.number += 1
            mine.flying = rooms.CommandBatch(mine.queue, 0, mine.number, mine.open)
            mine.open = []
            self.world.queue.put(mine.flying)

    def listen(self, edge: int) -> None:
        """To open the room or to repair it."""
        self.submit(edge, rooms.Listen(self.ref(), ROOM, "", 0))

    def repeat(self, edge: int) -> None:
        """What is not settled in time is sent again."""
        batch = self.edges[edge].flying
        if batch is not None:
            self.world.queue.put(batch)

    def receive(self, gateway: str, parcel: Parcel) -> None:
        edge = next(each for each in self.edges if each.queue == gateway)
        for answer in parcel.answers:
            self._answer(edge, answer)
        log = self.world.disk.entries
        for event in (event for each in parcel.rooms for event in each.events):
            assert event.seq <= len(log), f"#{event.seq} is told before it is stored"
            assert event.data == event_of(log[event.seq - 1]).data, f"#{event.seq} is told as something else"
            edge.told = max(edge.told, event.seq)
        for done in parcel.done:
            if edge.flying is not None and done.number == edge.flying.number:
                for command in edge.flying.commands:
                    assert self.said[command.ref].answer is not None, f"{command} is done without an answer"
                edge.flying = None

    def _answer(self, edge: Edge, answer: rooms.Answer) -> None:
        said = self.said[answer.ref]
        command = said.command
        if isinstance(answer, rooms.Listening):
            truth = replay(ROOM, self.world.disk.entries[: answer.head])
            assert answer.head <= len(self.world.disk.entries), "a cut that is not stored"
            assert {m.user: m.since for m in answer.members} == {u: m.since for u, m in truth.members.items()}
            edge.listens = True
            edge.told = max(edge.told, answer.head)
        elif isinstance(answer, rooms.Stored) and answer.seq and not isinstance(command, rooms.Create):
            self._stored(command, answer.seq)
        elif isinstance(command, rooms.Listen) and said.answer is None:
            self.listen(self.edges.index(edge))
        if said.answer is None:
            said.answer = answer

    def _stored(self, command: rooms.AnyCommand, seq: int) -> None:
        assert seq <= len(self.world.disk.entries), f"{command} is acknowledged and not stored"
        entry = self.world.disk.entries[seq - 1]
        nonce = nonce_of(command)
        assert (entry.sender, entry.nonce) == (command.user, nonce), f"{command} is acknowledged as {entry}"
        assert self.acked.setdefault((command.user, nonce), seq) == seq

    def check_order(self) -> None:
        """What one gateway took from one sender first is first in the log."""
        stored = {(e.sender, e.nonce): e.seq for e in self.world.disk.entries if e.kind == events.MESSAGE_CREATED}
        seen: dict[tuple[str, str], int] = {}
        for ref, said in self.said.items():
            if isinstance(said.command, rooms.Post) and not refused(said.answer):
                seen.setdefault((said.command.user, said.command.nonce), ref)
        for user in {user for user, _ in seen}:
            mine = [stored[key] for key in seen if key[0] == user and key in stored]
            assert mine == sorted(mine), f"{user} said these in another order"

    def check_refusals(self) -> None:
        """What was refused, and not said again by its client, is not stored."""
        taken = {(e.sender, e.nonce) for e in self.world.disk.entries if e.nonce is not None}
        tries: dict[tuple[str, str], list[rooms.Answer | None]] = {}
        for said in self.said.values():
            if not isinstance(said.command, rooms.Listen | rooms.Create):
                tries.setdefault((said.command.user, nonce_of(said.command)), []).append(said.answer)
        for key, answers in tries.items():
            if all(refused(answer) for answer in answers):
                assert key not in taken, f"{key} was refused and is stored"


def nonce_of(command: rooms.AnyCommand) -> str:
    return command.nonce if isinstance(command, rooms.Post) else str(getattr(command, "op", ""))


def refused(answer: rooms.Answer | None) -> bool:
    return isinstance(answer, rooms.Refused) and answer.code != Code.UNAVAILABLE
