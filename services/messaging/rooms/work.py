"""What one write has to do, by room, and what came of it. Pure: the rules are `room.py`, the effects `rounds.py`
and `owner.py`."""

from msgspec import Struct

from services.messaging.rooms.entries import MEMBERSHIP, Entry
from services.messaging.rooms.room import Decision, Room, Target
from warren.contracts import rooms
from warren.contracts.codec import encode_json
from warren.contracts.errors import Code, Refusal, not_found
from warren.contracts.events import MEMBER_JOINED, Transient
from warren.contracts.limits import RECEIPT_MEMBERS
from warren.contracts.socket import ReadNews, Receipt, TypingNews

RETRY_MS = 1_000
CHANGES = (rooms.Edit, rooms.Delete, rooms.React)


class Item(Struct):
    """A command and the gateway queue that gets its answer. `error`: a rule failed on it, it is not tried again."""

    gateway: str
    command: rooms.AnyCommand
    error: Exception | None = None


class Outcome(Struct):
    """What the commands to one room lead to. Nothing of it counts until `entries` are stored."""

    room: str
    entries: list[Entry] = []
    again: list[rooms.RoomEvent] = []
    answers: list[tuple[str, rooms.Answer]] = []
    transients: list[Transient] = []
    reads: dict[str, int] = {}
    listen: list[str] = []
    unlisten: list[str] = []
    added: list[str] = []
    """Users who became members, now or by a command that comes again: its news may have been lost with its writer."""
    failed: list[tuple[rooms.AnyCommand, Exception]] = []
    members: int = 0
    """How many members the room has after all this."""
    unfenced: bool = False
    """Something was refused or answered from memory alone: true only if the memory is what the log says."""
    torn: bool = False
    """A rule failed half-way: the room's memory may be ahead of `entries`. Load it again, decide without that item."""

    @property
    def changes(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.kind in MEMBERSHIP]


def by_room(items: list[Item]) -> dict[str, list[Item]]:
    """Commands by room, in the order in which they came."""
    grouped: dict[str, list[Item]] = {}
    for item in items:
        grouped.setdefault(item.command.room, []).append(item)
    return grouped


def targets_of(items: list[Item]) -> set[tuple[str, int]]:
    """(room, seq) of the messages that edits, deletions and reactions are about."""
    return {(item.command.room, item.command.seq) for item in items if isinstance(item.command, CHANGES)}


def target_from(entry: Entry) -> Target:
    payload = entry.payload
    reactions = {(pair["emoji"], pair["user"]) for pair in payload.get("reactions", ())}
    return Target(entry.sender, payload.get("deleted", False), reactions)


def decide(room: Room, items: list[Item], at: int, targets: dict[int, Target]) -> Outcome:
    """Decide all commands to one room. A command whose handling fails takes only itself out: the outcome is torn, and
    the next time, on a fresh room, that command is put aside and the others are decided."""
    outcome = Outcome(room.id)
    for item in items:
        if item.error is not None:
            _put_aside(item, item.error, outcome)
            continue
        try:
            _decide_one(room, item, at, targets, outcome)
        except Refusal as refusal:
            answer = rooms.Refused(item.command.ref, refusal.code, refusal.detail, refusal.retry_after_ms)
            outcome.answers.append((item.gateway, answer))
            outcome.unfenced = True
        except Exception as error:  # a bug in a rule: it must not stop the other rooms
            item.error = error
            return Outcome(room.id, torn=True)
    outcome.members = len(room.members)
    return outcome


def _put_aside(item: Item, error: Exception, outcome: Outcome) -> None:
    outcome.failed.append((item.command, error))
    detail = "This could not be carried out; it was put aside for the operators."
    outcome.answers.append((item.gateway, rooms.Refused(item.command.ref, Code.INTERNAL, detail)))


def unavailable(room: str, items: list[Item]) -> Outcome:
    """A room that cannot be loaded now: nothing is done, and whoever waits is told to try again."""
    detail = "The room cannot be opened just now; try again."
    answers: list[tuple[str, rooms.Answer]] = [
        (item.gateway, rooms.Refused(item.command.ref, Code.UNAVAILABLE, detail, RETRY_MS)) for item in items
    ]
    return Outcome(room, answers=answers)


def send_listeners_on(outcome: Outcome) -> None:
    """The next owner may have the room in memory already without those who came to listen here: they ask again."""
    detail = "The room moves to another instance; try again."
    for index, (gateway, answer) in enumerate(outcome.answers):
        if isinstance(answer, rooms.Listening):
            outcome.answers[index] = gateway, rooms.Refused(answer.ref, Code.UNAVAILABLE, detail, RETRY_MS)


def failed(item: Item, error: Exception) -> Outcome:
    """What comes of a command that fails in whatever is done with it."""
    outcome = Outcome(item.command.room)
    _put_aside(item, error, outcome)
    return outcome


def smaller(waiting: dict[str, list[Item]]) -> list[dict[str, list[Item]]]:
    """The same work in smaller parts: each room by itself, or the commands of the only room one by one, in order."""
    if len(waiting) > 1:
        return [{room: items} for room, items in waiting.items()]
    return [{room: [item]} for room, items in waiting.items() for item in items]


def _decide_one(room: Room, item: Item, at: int, targets: dict[int, Target], outcome: Outcome) -> None:
    command = item.command
    match command:
        case rooms.Post():  # first, since nearly all are
            _take(room.handle(command, at), item, outcome)
        case rooms.Listen():
            if not room.kind:
                raise not_found("room")
            members = [rooms.MemberSince(user, member.since) for user, member in room.members.items()]
            recent = room.events_after(command.after)
            outcome.answers.append((item.gateway, rooms.Listening(command.ref, room.id, room.head, members, recent)))
            outcome.listen.append(item.gateway)
            outcome.unfenced = True
        case rooms.Unlisten():
            outcome.unlisten.append(item.gateway)
        case rooms.Read():
            _read(room, command, outcome)
        case rooms.Typing():
            if room.is_member(command.user):
                news = encode_json(TypingNews(room.id, command.user, command.on))
                outcome.transients.append(Transient(room.id, news, command.user))
        case rooms.Canary():
            outcome.answers.append((item.gateway, rooms.Stored(command.ref, 0, at)))
        case _:
            target = targets.get(command.seq) if isinstance(command, CHANGES) else None
            decision = room.handle(command, at, target)
            outcome.added.extend(_added(command, decision))
            _take(decision, item, outcome)


def _take(decision: Decision, item: Item, outcome: Outcome) -> None:
    outcome.entries.extend(decision.entries)
    if decision.again is not None:
        outcome.again.append(decision.again)
    elif not decision.entries:
        outcome.unfenced = True
    if decision.answer is not None:
        outcome.answers.append((item.gateway, decision.answer))


def _added(command: rooms.AnyCommand, decision: Decision) -> list[str]:
    if isinstance(command, rooms.Create):  # also those whom a creation that was cut short had added before
        return list(dict.fromkeys([command.user, *command.members])) if decision.entries or decision.again else []
    if decision.again is not None:
        return [decision.again.joined] if decision.again.joined is not None else []
    return [entry.payload["user"] for entry in decision.entries if entry.kind == MEMBER_JOINED]


def _read(room: Room, command: rooms.Read, outcome: Outcome) -> None:
    if not room.is_member(command.user):
        return
    seq = min(command.seq, room.head)
    if seq > outcome.reads.get(command.user, 0):
        outcome.reads[command.user] = seq
        small = len(room.members) <= RECEIPT_MEMBERS
        receipt = encode_json(Receipt(room.id, command.user, seq)) if small else None
        own = encode_json(ReadNews(room.id, seq))
        outcome.transients.append(Transient(room.id, receipt, command.user, own))
