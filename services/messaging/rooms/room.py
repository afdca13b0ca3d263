"""A room as a pure state machine: commands in, log entries and an answer out. No I/O, no clock, no randomness.

Invariants that this type keeps, whatever the order of commands:
- entries are numbered without a gap: the first of a decision is `head + 1`;
- a (sender, nonce) that is known never makes a second entry;
- only members post, and `members` always equals the replay of the log;
- a (sender, nonce) that was refused is refused again, though the room went on: a copy of the command may have been on
  its way through another gateway for long. For that an entry carries what was refused since the one before it: without
  a new entry the same refusal follows by itself.
"""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from services.messaging.rooms import permissions
from services.messaging.rooms.entries import Entry, message_in, message_of
from services.messaging.rooms.room_state import Member, RoomState
from warren.contracts import events, rooms
from warren.contracts.codec import encode_json
from warren.contracts.errors import Code, Refusal, invalid, not_found
from warren.contracts.limits import MESSAGE_REACTIONS, ROOM_MEMBERS


class Target(Struct):
    """What a change needs to know of the message that it changes."""

    sender: str
    deleted: bool
    reactions: set[tuple[str, str]]


class Decision(Struct):
    """What a command leads to: entries to store (none when there was nothing to change) and the answer.

    `again` is an event that was stored before and whose news may have been lost with its writer.
    """

    answer: rooms.Stored | None
    entries: list[Entry] = []
    again: rooms.RoomEvent | None = None


class Room(RoomState):
    """Decides commands. The state runs ahead of the log while a write is under way. If the write fails, the owner drops
    the room and loads it again: there is no undo here."""

    __slots__ = ()

    def handle(self, command: rooms.AnyCommand, at: int, target: Target | None = None) -> Decision:
        """Decide one command at `at` ms. `target` is the message that an edit, deletion or reaction is about.

        Raises Refusal. The state already includes the entries of the returned decision.
        """
        nonce = _nonce(command)
        echo = isinstance(command, rooms.Create) or (isinstance(command, rooms.Post) and command.echo)
        repeated = self._repeated(command, nonce, echo=echo)
        if repeated is not None:
            return repeated
        refused = self._refused.get((command.user, nonce))
        if refused is not None:
            raise Refusal(*refused)
        try:
            return self._decide(command, at, target)
        except Refusal as refusal:
            self.refuse(command.user, nonce, refusal.code, refusal.detail)
            raise

    def _decide(self, command: rooms.AnyCommand, at: int, target: Target | None) -> Decision:
        """A command that was not decided before."""
        match command:
            case rooms.Post():
                return self._post(command, at)
            case rooms.Create():
                return self._create(command, at)
            case rooms.Edit() | rooms.Delete() | rooms.React():
                return self._change(command, at, target)
            case rooms.SetMember():
                return self._set_member(command, at)
            case rooms.RemoveMember():
                return self._remove_member(command, at)
            case rooms.Join():
                return self._join(command, at)
            case _:
                raise TypeError(f"{type(command).__name__} is not decided by a room")

    @property
    def _owners(self) -> int:
        return sum(member.role == permissions.OWNER for member in self.members.values())

    def _repeated(self, command: rooms.Command, nonce: str, *, echo: bool = False) -> Decision | None:
        known = self._nonces.get((command.user, nonce))
        if known is None:
            return None
        stored = encode_json(self.object()) if echo and isinstance(command, rooms.Create) else None
        if echo and isinstance(command, rooms.Post):
            stored = message_in(known.event)
        answer = rooms.Stored(command.ref, known.seq, known.at, duplicate=True, object=stored)
        return Decision(answer, again=known.event)

    def _check_member(self, user: str) -> str:
        if not self.kind:
            raise not_found("room")
        member = self.members.get(user)
        return permissions.check_member(member.role if member else None, public=self.public)

    def _entry(self, kind: str, sender: str, at: int, nonce: str | None, payload: dict[str, Any]) -> Entry:
        n = self.n + 1 if kind == events.MESSAGE_CREATED else self.n
        if self._carry:
            payload["refused"], self._carry = self._carry, []
        entry = Entry(self.id, self.head + 1, kind, sender, nonce, at, n, payload)
        if kind != events.MESSAGE_CREATED:
            self.apply_change(entry)
        self.remember(entry)
        return entry

    def _post(self, command: rooms.Post, at: int) -> Decision:
        self._check_member(command.user)
        payload: dict[str, Any] = {"body": command.body}
        if command.reply_to is not None:
            payload["reply_to"] = self._check_seq("reply_to", command.reply_to)
        if command.thread is not None:
            payload["thread"] = self._check_seq("thread", command.thread)
        if command.attachments:
            payload["attachments"] = command.attachments
        entry = self._entry(events.MESSAGE_CREATED, command.user, at, command.nonce, payload)
        message = encode_json(message_of(entry)) if command.echo else None
        return Decision(rooms.Stored(command.ref, entry.seq, at, object=message), [entry])

    def _check_seq(self, field: str, seq: int) -> int:
        if not 0 < seq <= self.head:
            raise invalid(field, "there is no such message in this room")
        return seq

    def _change(self, command: rooms.Edit | rooms.Delete | rooms.React, at: int, target: Target | None) -> Decision:
        role = self._check_member(command.user)
        if target is None or target.deleted:
            raise not_found("message")
        own = target.sender == command.user
        payload: dict[str, Any] = {"target": command.seq}
        match command:
            case rooms.Edit():
                if not own:
                    raise Refusal(Code.FORBIDDEN, "Only its sender may edit a message.")
                kind = events.MESSAGE_EDITED
                payload["body"] = command.body
            case rooms.Delete():
                permissions.check_delete(role, own=own)
                kind = events.MESSAGE_DELETED
                target.deleted = True
            case rooms.React():
                pair = (command.emoji, command.user)
                if (pair in target.reactions) == command.on:
                    return Decision(rooms.Stored(command.ref, 0, at))
                if command.on and len(target.reactions) >= MESSAGE_REACTIONS:
                    raise Refusal(Code.CONFLICT, f"The message has {MESSAGE_REACTIONS:,} reactions: no more fit.")
                (target.reactions.add if command.on else target.reactions.discard)(pair)
                kind = events.REACTION_CHANGED
                payload |= {"emoji": command.emoji, "on": command.on}
        entry = self._entry(kind, command.user, at, command.op, payload)
        return Decision(rooms.Stored(command.ref, entry.seq, at), [entry])

    def _create(self, command: rooms.Create, at: int) -> Decision:
        """Also finishes a creation that was cut short: its `op` stands on the last entry only."""
        entries: list[Entry] = []
        if not self.kind:
            payload = {"kind": command.kind, "name": command.name, "topic": command.topic, "public": command.public}
            entries.append(self._entry(events.ROOM_CHANGED, command.user, at, None, payload))
        elif command.kind != permissions.DIRECT and self.created_by != command.user:
            raise Refusal(Code.CONFLICT, "There is a room with this id already.")
        wanted = dict.fromkeys([command.user, *command.members])
        missing = [user for user in wanted if user not in self.members]
        for user in missing:
            role = permissions.OWNER if user == command.user and command.kind != permissions.DIRECT else "member"
            nonce = command.op if user == missing[-1] else None
            joined = {"user": user, "role": role}
            entries.append(self._entry(events.MEMBER_JOINED, command.user, at, nonce, joined))
        answer = rooms.Stored(command.ref, self.head, at, duplicate=not entries, object=encode_json(self.object()))
        return Decision(answer, entries)

    def _set_member(self, command: rooms.SetMember, at: int) -> Decision:
        mine = self._check_member(command.user)
        current = self.members.get(command.member)
        permissions.check_set_member(self.kind, mine, current.role if current else None, command.role)
        if current is not None and current.role == command.role:
            return Decision(rooms.Stored(command.ref, 0, at))
        if current is not None and current.role == permissions.OWNER and self._owners == 1:
            raise Refusal(Code.CONFLICT, "A room has an owner: make somebody else one first.")
        self._check_room_for_one_more(current)
        kind = events.MEMBER_CHANGED if current else events.MEMBER_JOINED
        payload = {"user": command.member, "role": command.role}
        entry = self._entry(kind, command.user, at, command.op, payload)
        return Decision(rooms.Stored(command.ref, entry.seq, at), [entry])

    def _join(self, command: rooms.Join, at: int) -> Decision:
        if not self.kind or (not self.public and command.user not in self.members):
            raise not_found("room")
        if command.user in self.members:
            return Decision(rooms.Stored(command.ref, 0, at))
        self._check_room_for_one_more(None)
        role = permissions.MEMBER if self.members else permissions.OWNER  # of a public room that all had left
        payload = {"user": command.user, "role": role}
        entry = self._entry(events.MEMBER_JOINED, command.user, at, command.op, payload)
        return Decision(rooms.Stored(command.ref, entry.seq, at), [entry])

    def _check_room_for_one_more(self, current: Member | None) -> None:
        if current is None and len(self.members) >= ROOM_MEMBERS:
            raise Refusal(Code.CONFLICT, f"The room is full: {ROOM_MEMBERS:,} members.")

    def _remove_member(self, command: rooms.RemoveMember, at: int) -> Decision:
        mine = self._check_member(command.user)
        current = self.members.get(command.member)
        if current is None:
            return Decision(rooms.Stored(command.ref, 0, at))
        myself = command.member == command.user
        permissions.check_remove(self.kind, mine, current.role, myself=myself)
        entries: list[Entry] = []
        heir = self._heir(command.member)
        if heir is not None:  # a room is never left without an owner; first, so that a cut-short removal goes on here
            payload = {"user": heir, "role": permissions.OWNER}
            entries.append(self._entry(events.MEMBER_CHANGED, command.user, at, None, payload))
        left = {"user": command.member}
        entries.append(self._entry(events.MEMBER_LEFT, command.user, at, command.op, left))
        return Decision(rooms.Stored(command.ref, self.head, at), entries)

    def _heir(self, leaving: str) -> str | None:
        """Who becomes owner when `leaving`, the last one, goes: an admin before a member, the longest there first."""
        others = {user: member for user, member in self.members.items() if user != leaving}
        if not others or any(member.role == permissions.OWNER for member in others.values()):
            return None
        return min(others, key=lambda user: (permissions.ROLES.index(others[user].role), others[user].since))


def _nonce(command: rooms.AnyCommand) -> str:
    """What the command's sender names it by."""
    if isinstance(command, rooms.Post):
        return command.nonce
    return str(getattr(command, "op", ""))


def replay(room: str, entries: Iterable[Entry]) -> Room:
    """The room that a log leads to. The state of a room always equals this."""
    state = Room(room)
    for entry in entries:
        state.apply(entry)
    return state
