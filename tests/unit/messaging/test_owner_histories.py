"""Any interleaving of commands, repetitions, hand-overs, crashes and deposed owners, with the real write path.

Each instance stops before and after every effect (load, decide, store, project, announce, publish, settle), and the
machine chooses who goes on, who dies there, who is frozen there and wakes up later with what it believed.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.messaging.rooms import rounds as module
from services.messaging.rooms.entries import MEMBERSHIP
from services.messaging.rooms.room import Room, replay
from tests.unit.messaging.steps_bench import DATABASE_AWAY, formed
from tests.unit.messaging.told_bench import ROOM, Edges
from warren.contracts import events, rooms

USERS = ("ann", "bob", "cat", "dan")
HOME = {"ann": 0, "bob": 0, "cat": 1, "dan": 1}
ROUNDS = 400
users = st.sampled_from(USERS)
edges = st.integers(0, 1)
instances = st.integers(0, 1)
choices = st.integers(0, 5)
numbers = st.integers(1, 12)
roles = st.sampled_from(("owner", "admin", "member"))


class OwnerHistories(RuleBasedStateMachine):
    """Two gateways, four people, one room, two instances of which one is active."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.no_waiting = ExitStack()
        self.no_waiting.enter_context(patch.object(module, "AGAIN_SECONDS", 0.0))
        self.there = self.on_loop(self.begin())
        self.nonces = dict.fromkeys(USERS, 0)

    async def begin(self) -> Edges:
        return Edges()

    def on_loop(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def go(self) -> None:
        """Until everybody stands at a gate."""

        async def turn() -> None:
            for _ in range(12):
                await asyncio.sleep(0)

        self.on_loop(turn())
        for process in self.there.world.processes:
            assert not process.all_tasks.failed.done(), process.all_tasks.failed.result()

    def say(self, command: rooms.AnyCommand) -> None:
        edge = HOME[command.user]
        self.there.submit(edge, command)
        self.there.flush(edge)

    # What people do

    @initialize(listening=st.sampled_from(((0, 1), (0,), ())))
    def create(self, listening: tuple[int, ...]) -> None:
        self.say(rooms.Create(self.there.ref(), ROOM, "ann", "op-create", "group", "R", None, True, ["bob", "cat"]))
        for edge in listening:
            self.there.listen(edge)

    @rule(user=users, count=st.integers(1, 3))
    def post(self, user: str, count: int) -> None:
        for _ in range(count):
            self.nonces[user] += 1
            nonce = f"{user}-{self.nonces[user]:05}"
            self.say(rooms.Post(self.there.ref(), ROOM, user, nonce, "Hello."))

    @rule(user=users, number=numbers)
    def retry(self, user: str, number: int) -> None:
        if number <= self.nonces[user]:
            self.say(rooms.Post(self.there.ref(), ROOM, user, f"{user}-{number:05}", "Hello."))

    @rule(user=users, about=numbers)
    def edit(self, user: str, about: int) -> None:
        ref = self.there.ref()
        self.say(rooms.Edit(ref, ROOM, user, f"op-{ref}", about + 4, f"better {ref}"))

    @rule(user=users, about=numbers)
    def delete(self, user: str, about: int) -> None:
        ref = self.there.ref()
        self.say(rooms.Delete(ref, ROOM, user, f"op-{ref}", about + 4))

    @rule(user=users, about=numbers, on=st.booleans())
    def react(self, user: str, about: int, on: bool) -> None:
        ref = self.there.ref()
        self.say(rooms.React(ref, ROOM, user, f"op-{ref}", about + 4, "👍", on))

    @rule(user=users)
    def join(self, user: str) -> None:
        ref = self.there.ref()
        self.say(rooms.Join(ref, ROOM, user, f"op-{ref}"))

    @rule(user=users, other=users)
    def remove(self, user: str, other: str) -> None:
        """Also to leave, when both are the same."""
        ref = self.there.ref()
        self.say(rooms.RemoveMember(ref, ROOM, user, f"op-{ref}", other))

    @rule(user=users, other=users, role=roles)
    def set_role(self, user: str, other: str, role: str) -> None:
        ref = self.there.ref()
        self.say(rooms.SetMember(ref, ROOM, user, f"op-{ref}", other, role))

    # What gateways and the broker do

    @rule(edge=edges)
    def listen(self, edge: int) -> None:
        self.there.listen(edge)
        self.there.flush(edge)

    @rule(edge=edges)
    def repeat(self, edge: int) -> None:
        self.there.repeat(edge)

    @rule()
    def deliver(self) -> None:
        self.on_loop(self.there.world.deliver())
        self.go()

    # What happens to instances

    @rule(instance=instances, choice=choices)
    def step(self, instance: int, choice: int) -> None:
        self.there.world.processes[instance].open_gate(choice)
        self.go()

    @rule(instance=instances, count=st.integers(5, 40))
    def steps(self, instance: int, count: int) -> None:
        for _ in range(count):
            if not self.there.world.processes[instance].open_gate(0):
                break
            self.go()

    @rule()
    def work(self) -> None:
        """The ordinary course of things, so that histories become long."""
        for edge in (0, 1):
            self.there.flush(edge)
        self.deliver()
        self.steps(self.there.world.active, 60)

    @rule(count=st.integers(0, 16), accident=st.sampled_from(("kill", "depose", "database")), choice=choices)
    def accident(self, count: int, accident: str, choice: int) -> None:
        """Something happens to the active instance in the middle of its work, wherever it then is."""
        for edge in (0, 1):
            self.there.flush(edge)
        self.deliver()
        active = self.there.world.active
        for _ in range(count):
            self.step(active, 0)
        if accident == "kill":
            self.kill(active)
        elif accident == "depose":
            self.depose(active)
        else:
            self.database_fails(active, choice)

    @rule(instance=instances, choice=choices)
    def database_fails(self, instance: int, choice: int) -> None:
        """Before or after it did what it was asked to: the owner cannot know."""
        self.there.world.processes[instance].open_gate(choice, DATABASE_AWAY)
        self.go()

    @rule(instance=instances)
    def kill(self, instance: int) -> None:
        self.on_loop(self.there.world.kill(instance))
        self.go()

    @rule(instance=instances)
    def depose(self, instance: int) -> None:
        self.there.world.depose(instance)

    @rule(instance=instances)
    def wake(self, instance: int) -> None:
        self.there.world.reconnect(instance)

    @precondition(lambda self: all(each.connected and not each.leaving for each in self.there.world.processes))
    @rule(user=users, edge=edges, count=st.integers(0, 16), ahead=st.sampled_from((0, 10, 60)))
    def hand_over(self, user: str, edge: int, count: int, ahead: int) -> None:
        """In the middle of something, while a gateway comes to listen at the next owner, which may be faster."""
        self.work()
        self.post(user, 1)
        self.deliver()
        for _ in range(count):
            self.step(self.there.world.active, 0)
        self.there.world.hand_over()
        self.listen(edge)
        self.deliver()
        for _ in range(ahead):
            self.step(self.there.world.active, 0)

    @rule(edge=edges, kill=st.booleans())
    def take_over_and_give_back(self, edge: int, kill: bool) -> None:
        """A gateway comes to listen at an owner that is there for a moment only."""
        world = self.there.world
        self.work()
        before = world.active
        if world.take_over():
            self.listen(edge)
            self.work()
            if kill and world.active != before:
                self.kill(world.active)
            else:
                world.take_over()

    # What is always so

    @invariant()
    def numbers_have_no_gap_and_no_command_is_stored_twice(self) -> None:
        log = self.there.world.disk.entries
        assert [entry.seq for entry in log] == list(range(1, len(log) + 1))
        keys = [(entry.sender, entry.nonce) for entry in log if entry.nonce is not None]
        assert len(keys) == len(set(keys))

    @invariant()
    def every_entry_was_allowed_where_it_stands(self) -> None:
        room, count = Room(ROOM), 0
        for entry in self.there.world.disk.entries:
            if entry.kind not in MEMBERSHIP:
                assert entry.sender in room.members, entry
            count += entry.kind == events.MESSAGE_CREATED
            assert entry.n == count
            room.apply(entry)
            assert not room.members or any(member.role == "owner" for member in room.members.values())

    @invariant()
    def what_was_acknowledged_stays_stored(self) -> None:
        log = self.there.world.disk.entries
        for (user, nonce), seq in self.there.acked.items():
            assert (log[seq - 1].sender, log[seq - 1].nonce) == (user, nonce)

    def teardown(self) -> None:
        try:
            self.come_to_rest()
            self.check_the_end()
            for user in USERS:  # whoever is known to listen, but not to the present owner, misses this
                self.post(user, 1)
            self.come_to_rest()
            self.check_the_end()
        finally:
            for process in self.there.world.processes:
                self.on_loop(process.all_tasks.cancel_all())
            self.loop.close()
            self.no_waiting.close()

    def come_to_rest(self) -> None:
        """Everybody is well again: everything that was said is answered."""
        world = self.there.world
        for index in (0, 1):
            world.reconnect(index)
        for _ in range(ROUNDS):
            for edge in (0, 1):
                self.there.flush(edge)
            self.deliver()
            moved = [process.open_gate(0) for process in world.processes]
            self.go()
            quiet = not world.queue.ready and not any(edge.open or edge.flying for edge in self.there.edges)
            if quiet and not any(moved) and all(process.idle for process in world.processes):
                break
        else:
            raise AssertionError(f"no end: {[process.gates for process in world.processes]}")
        assert all(edge.flying is None and not edge.open for edge in self.there.edges)
        assert all(said.answer is not None for said in self.there.said.values())

    def check_the_end(self) -> None:
        world = self.there.world
        log, truth = world.disk.entries, replay(ROOM, world.disk.entries)
        self.numbers_have_no_gap_and_no_command_is_stored_twice()
        self.every_entry_was_allowed_where_it_stands()
        self.there.check_order()
        if not world.two_wrote:  # see ADR 17
            self.there.check_refusals()
        for edge in self.there.edges:
            assert not edge.listens or edge.told == len(log), f"{edge.queue} was never told of the head"
        rows = self.on_loop(world.tables.members(ROOM))
        assert {row.user: (row.role, row.since) for row in rows} == {
            user: (member.role, member.since) for user, member in truth.members.items()
        }
        assert world.tables.record is None or world.tables.record.members == len(truth.members)
        for entry in log:
            if entry.kind == events.MESSAGE_CREATED:
                changes = [later for later in log if later.payload.get("target") == entry.seq]
                kept = world.disk.forms.get((ROOM, entry.seq), entry).payload
                wanted = formed(entry, changes).payload
                assert {"reactions": [], **kept} == wanted, f"#{entry.seq} is not what its changes make of it"


OwnerHistories.TestCase.settings = settings(
    max_examples=100, stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
test_any_history_of_instances_keeps_the_promises = OwnerHistories.TestCase
