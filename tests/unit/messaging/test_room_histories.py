"""Any interleaving of commands, retries, hand-overs, crashes and deposed owners keeps the promises of a room.

The machine has one log, as the database has it with its two unique keys, and owners whose memory may be stale: they
decide from what they believe, and the log says whether they may. That is the protocol of `owner.py`, without I/O.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.messaging.rooms.entries import Entry
from services.messaging.rooms.room import Room, replay
from services.messaging.rooms.room_state import Known
from services.messaging.rooms.work import Item, Outcome, decide, target_from
from warren.contracts import events, rooms

USERS = ("ann", "bob", "cat", "dan")
users = st.sampled_from(USERS)
owners = st.sampled_from((0, 1, 2))
numbers = st.integers(1, 40)


class Histories(RuleBasedStateMachine):
    """`log` is the truth; `owners` hold what each instance believes (None = not in memory)."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[Entry] = []
        self.owners: list[Room | None] = [None, None, None]
        self.acked: dict[tuple[str, str], int] = {}
        self.clock = 0

    @initialize()
    def create(self) -> None:
        self.run(0, rooms.Create(0, "r", "ann", "op-create", "group", "R", None, True, ["bob"]))

    @rule(owner=owners, user=users, number=numbers)
    def post(self, owner: int, user: str, number: int) -> None:
        """Also a retry, when the number was used before."""
        self.run(owner, rooms.Post(0, "r", user, f"nonce-{number:03}", f"{number}"))

    @rule(owner=owners, user=users, number=numbers, seq=numbers)
    def edit(self, owner: int, user: str, number: int, seq: int) -> None:
        self.run(owner, rooms.Edit(0, "r", user, f"edit-{number}", seq, f"edited {number}"))

    @rule(owner=owners, user=users, number=numbers, seq=numbers)
    def delete(self, owner: int, user: str, number: int, seq: int) -> None:
        self.run(owner, rooms.Delete(0, "r", user, f"delete-{number}", seq))

    @rule(owner=owners, user=users, number=numbers, seq=numbers, on=st.booleans())
    def react(self, owner: int, user: str, number: int, seq: int, on: bool) -> None:
        self.run(owner, rooms.React(0, "r", user, f"react-{number}", seq, "👍", on))

    @rule(owner=owners, user=users, number=numbers)
    def join(self, owner: int, user: str, number: int) -> None:
        self.run(owner, rooms.Join(0, "r", user, f"join-{number}"))

    @rule(owner=owners, user=users, other=users, number=numbers)
    def remove(self, owner: int, user: str, other: str, number: int) -> None:
        self.run(owner, rooms.RemoveMember(0, "r", user, f"remove-{number}", other))

    @rule(owner=owners, user=users, number=numbers, stored=st.integers(0, 2))
    def crash_while_storing(self, owner: int, user: str, number: int, stored: int) -> None:
        """The process dies when only some entries of a decision are stored; nobody is told."""
        room = self.memory(owner)
        outcome = self.decide(room, rooms.RemoveMember(0, "r", user, f"remove-{number}", user))
        if not outcome.entries or outcome.entries[0].seq == len(self.log) + 1:
            self.log += outcome.entries[:stored]
        self.owners[owner] = None

    @rule(owner=owners)
    def hand_over(self, owner: int) -> None:
        self.owners[owner] = None

    def memory(self, owner: int) -> Room:
        room = self.owners[owner]
        if room is None:
            room = self.owners[owner] = replay("r", self.log)
        return room

    def decide(self, room: Room, command: rooms.AnyCommand) -> Outcome:
        self.clock += 1
        targets = {
            entry.seq: target_from(self.current(entry)) for entry in self.log if entry.kind == events.MESSAGE_CREATED
        }
        return decide(room, [Item("g", command)], self.clock, targets)

    def current(self, message: Entry) -> Entry:
        """The message with its later changes applied, as the store keeps it."""
        payload = dict(message.payload) | {"reactions": []}
        for entry in self.log:
            if entry.payload.get("target") != message.seq:
                continue
            pair = {"emoji": entry.payload.get("emoji"), "user": entry.sender}
            if entry.kind == events.MESSAGE_DELETED:
                payload["deleted"] = True
            elif entry.kind == events.REACTION_CHANGED and entry.payload["on"]:
                payload["reactions"] = [*payload["reactions"], pair]
            elif entry.kind == events.REACTION_CHANGED:
                payload["reactions"] = [kept for kept in payload["reactions"] if kept != pair]
        return Entry(message.room, message.seq, message.kind, message.sender, message.nonce, 0, message.n, payload)

    def run(self, owner: int, command: rooms.AnyCommand) -> None:
        """What an owner does: decide from memory; the log's keys refuse what is stale; then load and decide again."""
        for _ in range(4):
            room = self.memory(owner)
            outcome = self.decide(room, command)
            if outcome.unfenced and not outcome.entries and len(self.log) > room.head:
                self.owners[owner] = None
                continue
            taken = {entry.seq for entry in self.log}
            known = {(entry.sender, entry.nonce): entry for entry in self.log if entry.nonce is not None}
            if any(entry.seq in taken for entry in outcome.entries):
                self.owners[owner] = None
                continue
            repeated = [known[key] for entry in outcome.entries if (key := (entry.sender, entry.nonce)) in known]
            if repeated:
                self.owners[owner] = replay("r", self.log)
                stored = repeated[0]
                fresh = self.memory(owner)
                fresh.know(
                    stored.sender, stored.nonce or "", Known(stored.seq, stored.at, rooms.RoomEvent(stored.seq, b""))
                )
                continue
            self.log += outcome.entries
            self.check_answer(command, outcome)
            return
        raise AssertionError("an owner must get through with fresh memory")

    def check_answer(self, command: rooms.AnyCommand, outcome: Outcome) -> None:
        _, answer = outcome.answers[0]
        if isinstance(command, rooms.Post) and isinstance(answer, rooms.Stored):
            stored = [e for e in self.log if e.sender == command.user and e.nonce == command.nonce]
            assert [e.seq for e in stored] == [answer.seq], "an acknowledged message is stored once, as what was said"
            assert self.acked.setdefault((command.user, command.nonce), answer.seq) == answer.seq

    @invariant()
    def numbers_have_no_gap(self) -> None:
        assert [entry.seq for entry in self.log] == list(range(1, len(self.log) + 1))

    @invariant()
    def no_command_is_stored_twice(self) -> None:
        keys = [(entry.sender, entry.nonce) for entry in self.log if entry.nonce is not None]
        assert len(keys) == len(set(keys))

    @invariant()
    def only_members_act(self) -> None:
        room = Room("r")
        for entry in self.log:
            if entry.kind in (events.MESSAGE_CREATED, events.REACTION_CHANGED, events.MESSAGE_EDITED):
                assert entry.sender in room.members, entry
            room.apply(entry)

    @invariant()
    def n_counts_the_messages(self) -> None:
        count = 0
        for entry in self.log:
            count += entry.kind == events.MESSAGE_CREATED
            assert entry.n == count

    @invariant()
    def an_owner_with_the_same_head_believes_what_the_log_says(self) -> None:
        truth = replay("r", self.log)
        for room in self.owners:
            if room is not None and room.head == truth.head:
                assert room.members == truth.members
                assert room.object() == truth.object()

    @invariant()
    def a_room_with_members_has_an_owner(self) -> None:
        members = replay("r", self.log).members
        assert not members or any(member.role == "owner" for member in members.values())


Histories.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_any_history_keeps_the_promises = Histories.TestCase
