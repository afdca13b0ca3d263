"""What edits, deletions and reactions came to: the replay of the log, the stored messages and every device agree."""

from collections.abc import Iterator

from tests.faults.checks.history import History, View, Violation
from tests.faults.database import DELETED, EDITED, MESSAGE, REACTION, Entry
from tests.faults.records import MessageState

States = dict[int, MessageState]


def check(history: History) -> Iterator[Violation]:
    for room, entries in history.database.log.items():
        expected = _replayed(entries)
        for entry in entries:
            if entry.state is not None and not _same(entry.state, expected[entry.seq]):
                text = f"{room} #{entry.seq} is stored as {entry.state}, its log says {expected[entry.seq]}"
                yield Violation("C6", text)
        for (device, where), view in history.views.items():
            current = not view.ended and view.position == history.heads[room] if where == room else False
            if current:
                yield from _on_device(room, device, _folded(view), expected)


def _replayed(entries: list[Entry]) -> States:
    """From the log alone: a message's own entry holds its current body, so an edited one begins empty here."""
    edited = {entry.target for entry in entries if entry.kind in (EDITED, DELETED)}
    states: States = {}
    for entry in entries:
        if entry.kind == MESSAGE and entry.state is not None:
            states[entry.seq] = MessageState("" if entry.seq in edited else entry.state.body)
        else:
            _change(states, entry.kind, entry.target, entry.body, entry.emoji, entry.sender, entry.on)
    return states


def _folded(view: View) -> States:
    """As the device's user sees it. What happened while they were no member they load anew: that is not theirs here."""
    states: States = {}
    for event in view.order:
        if event.seq <= view.since:
            continue
        if event.type == MESSAGE and event.message is not None:
            state = event.message
            states[event.seq] = MessageState(state.body, state.deleted, list(state.reactions))
        else:
            _change(states, event.type, event.target, event.body, event.emoji, event.user, event.on)
    return states


def _change(
    states: States,
    kind: str,
    target: int | None,
    body: str | None,
    emoji: str | None,
    user: str | None,
    on: bool | None,
) -> None:
    state = states.get(target or 0)
    if state is None:
        return
    if kind == EDITED:
        state.body = body or ""
    elif kind == DELETED:
        state.body, state.deleted = "", True
    elif kind == REACTION:
        pair = (emoji or "", user or "")
        state.reactions = [other for other in state.reactions if tuple(other) != pair] + ([pair] if on else [])


def _on_device(room: str, device: str, mine: States, expected: States) -> Iterator[Violation]:
    for seq, state in mine.items():
        wanted = expected.get(seq)
        if wanted is not None and not _same(state, wanted):
            yield Violation("C6", f"{device} shows {room} #{seq} as {state}, the log says {wanted}")


def _same(one: MessageState, other: MessageState) -> bool:
    pairs = {tuple(pair) for pair in one.reactions} == {tuple(pair) for pair in other.reactions}
    return pairs and (one.body, one.deleted) == (other.body, other.deleted)
