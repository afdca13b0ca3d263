"""The rules of a room, one at a time."""

import pytest

from services.messaging.rooms.entries import Entry
from services.messaging.rooms.room import Decision, Room, Target, replay
from services.messaging.rooms.room_state import CARRIED_REFUSALS, KNOWN_NONCES, KNOWN_REFUSALS
from warren.contracts import events, rooms
from warren.contracts.codec import decode_json
from warren.contracts.errors import Code, Refusal
from warren.contracts.limits import MESSAGE_REACTIONS
from warren.contracts.rest import Message
from warren.contracts.rest import Room as RoomObject

NOW = 1_790_000_000_000


def make(kind: str = "group", *, public: bool = False, members: tuple[str, ...] = ("bob",)) -> Room:
    room = Room("r")
    room.handle(rooms.Create(1, "r", "ann", "op-create", kind, "Lunch", None, public, list(members)), NOW)
    return room


def post(room: Room, user: str, nonce: str, **more: object) -> Decision:
    return room.handle(rooms.Post(2, "r", user, nonce, "hello", **more), NOW)  # type: ignore[arg-type]


def refusal(room: Room, command: rooms.AnyCommand, target: Target | None = None) -> Refusal:
    with pytest.raises(Refusal) as caught:
        room.handle(command, NOW, target)
    return caught.value


def test_a_new_room_has_its_maker_as_owner_and_its_members_in_the_log() -> None:
    room = Room("r")
    decision = room.handle(rooms.Create(1, "r", "ann", "op-create", "group", "Lunch", None, False, ["bob"]), NOW)
    assert [entry.kind for entry in decision.entries] == [
        events.ROOM_CHANGED, events.MEMBER_JOINED, events.MEMBER_JOINED,
    ]  # fmt: skip
    assert [entry.seq for entry in decision.entries] == [1, 2, 3]
    assert {user: member.role for user, member in room.members.items()} == {"ann": "owner", "bob": "member"}
    assert decision.answer is not None and decision.answer.object is not None
    assert decode_json(decision.answer.object, RoomObject).members == 2


def test_a_creation_that_was_cut_short_is_finished_by_its_repetition() -> None:
    command = rooms.Create(1, "r", "ann", "op-create", "group", "Lunch", None, False, ["bob", "cat"])
    whole = Room("r").handle(command, NOW).entries
    for stored in range(len(whole)):
        room = replay("r", whole[:stored])
        rest = room.handle(command, NOW).entries
        assert [entry.kind for entry in whole[:stored] + rest] == [entry.kind for entry in whole]
        assert set(room.members) == {"ann", "bob", "cat"}


def test_a_message_gets_the_next_seq_and_the_next_n() -> None:
    room = make()
    first, second = post(room, "ann", "nonce-01"), post(room, "bob", "nonce-02")
    assert [(e.seq, e.n) for d in (first, second) for e in d.entries] == [(4, 1), (5, 2)]


def test_the_same_nonce_again_is_answered_with_the_stored_message_and_makes_none() -> None:
    room = make()
    first = post(room, "ann", "nonce-01", echo=True)
    again = post(room, "ann", "nonce-01", echo=True)
    assert again.entries == [] and again.again is not None and again.again.seq == 4
    assert first.answer is not None and again.answer is not None
    assert (again.answer.seq, again.answer.duplicate) == (first.answer.seq, True)
    assert first.answer.object is not None and again.answer.object is not None
    assert decode_json(again.answer.object, Message) == decode_json(first.answer.object, Message)


def test_the_same_nonce_of_another_sender_is_another_message() -> None:
    room = make()
    post(room, "ann", "nonce-01")
    assert len(post(room, "bob", "nonce-01").entries) == 1


def test_old_nonces_are_forgotten_so_that_memory_is_bounded() -> None:
    room = make()
    for number in range(KNOWN_NONCES + 1):
        post(room, "ann", f"nonce-{number:06}")
    assert post(room, "ann", "nonce-000000").entries, "the database's unique key guards what memory forgot"


@pytest.mark.parametrize(("public", "code"), [(False, Code.NOT_FOUND), (True, Code.NOT_A_MEMBER)])
def test_one_who_is_not_a_member_may_not_post(public: bool, code: Code) -> None:
    room = make(public=public)
    assert refusal(room, rooms.Post(1, "r", "eve", "nonce-01", "hi")).code == code
    assert room.head == 3


def test_what_was_refused_is_refused_whenever_it_comes_again_and_a_new_nonce_is_judged_anew() -> None:
    """Its sender was told. The owner may have died between that and the settling, or a gateway that was cut off may
    have held a copy for long; and the room has gone on."""
    room = make(public=True)
    early = rooms.Post(7, "r", "eve", "nonce-eve", "let me in")
    assert refusal(room, early).code is Code.NOT_A_MEMBER
    joined = room.handle(rooms.Join(8, "r", "eve", "op-join"), NOW)
    new_owner = make(public=True)
    new_owner.apply(joined.entries[0])
    for owner in (room, new_owner):
        assert refusal(owner, early).code is Code.NOT_A_MEMBER
        assert refusal(owner, rooms.Post(9, "r", "eve", "nonce-eve", "let me in")).code is Code.NOT_A_MEMBER
        assert owner.handle(rooms.Post(9, "r", "eve", "nonce-new", "let me in"), NOW).entries


def test_what_an_entry_carries_of_refusals_is_bounded() -> None:
    room = make(public=True)
    for ref in range(KNOWN_REFUSALS * 2):
        refusal(room, rooms.Post(ref, "r", "eve", f"nonce-{ref:05}", "let me in"))
    carried = post(room, "ann", "nonce-1").entries[0].payload["refused"]
    assert [nonce for _, nonce, _ in carried] == [
        f"nonce-{ref:05}" for ref in range(KNOWN_REFUSALS * 2 - CARRIED_REFUSALS, KNOWN_REFUSALS * 2)
    ]
    assert "refused" not in post(room, "ann", "nonce-2").entries[0].payload
    assert len(room._refused) == KNOWN_REFUSALS


def test_a_room_that_does_not_exist_is_not_found() -> None:
    assert refusal(Room("r"), rooms.Post(1, "r", "ann", "nonce-01", "hi")).code == Code.NOT_FOUND


def test_only_the_sender_edits_and_only_sender_or_admins_delete() -> None:
    room = make()
    target = Target("bob", False, set())
    assert refusal(room, rooms.Edit(1, "r", "ann", "op-edit-1", 4, "x"), target).code == Code.FORBIDDEN
    assert room.handle(rooms.Edit(1, "r", "bob", "op-edit-2", 4, "x"), NOW, target).entries
    assert room.handle(rooms.Delete(1, "r", "ann", "op-del-1", 4), NOW, target).entries
    assert refusal(room, rooms.Edit(1, "r", "bob", "op-edit-3", 4, "x"), target).code == Code.NOT_FOUND


def test_a_reaction_that_is_there_already_changes_nothing() -> None:
    room = make()
    target = Target("bob", False, set())
    assert room.handle(rooms.React(1, "r", "ann", "op-react-1", 4, "👍", True), NOW, target).entries
    again = room.handle(rooms.React(1, "r", "ann", "op-react-2", 4, "👍", True), NOW, target)
    assert again.entries == [] and again.answer is not None and again.answer.seq == 0


def test_a_message_takes_reactions_up_to_its_bound_and_gives_them_back_beyond_it() -> None:
    room = make()
    target = Target("bob", False, {("👍", f"user-{n}") for n in range(MESSAGE_REACTIONS - 1)} | {("👍", "ann")})
    assert refusal(room, rooms.React(1, "r", "ann", "op-react-1", 4, "🎉", True), target).code == Code.CONFLICT
    assert room.handle(rooms.React(1, "r", "ann", "op-react-2", 4, "👍", False), NOW, target).entries
    assert room.handle(rooms.React(1, "r", "ann", "op-react-3", 4, "🎉", True), NOW, target).entries


def test_a_public_room_can_be_joined_and_a_closed_one_looks_like_none() -> None:
    assert make(public=True).handle(rooms.Join(1, "r", "eve", "op-join-1"), NOW).entries
    assert refusal(make(), rooms.Join(1, "r", "eve", "op-join-1")).code == Code.NOT_FOUND


def test_members_invite_but_only_owners_make_owners() -> None:
    room = make(members=("bob", "cat"))
    assert room.handle(rooms.SetMember(1, "r", "bob", "op-add-1", "dan", "member"), NOW).entries
    assert refusal(room, rooms.SetMember(1, "r", "bob", "op-set-1", "cat", "admin")).code == Code.FORBIDDEN
    assert room.handle(rooms.SetMember(1, "r", "ann", "op-set-2", "bob", "admin"), NOW).entries
    assert refusal(room, rooms.SetMember(1, "r", "bob", "op-set-3", "cat", "owner")).code == Code.FORBIDDEN
    assert refusal(room, rooms.SetMember(1, "r", "ann", "op-set-4", "cat", "king")).code == Code.VALIDATION_FAILED


def test_a_room_is_never_left_without_an_owner() -> None:
    room = make(members=("bob", "cat"))
    room.handle(rooms.SetMember(1, "r", "ann", "op-set-1", "cat", "admin"), NOW)
    left = room.handle(rooms.RemoveMember(1, "r", "ann", "op-leave-1", "ann"), NOW)
    assert [entry.kind for entry in left.entries] == [events.MEMBER_CHANGED, events.MEMBER_LEFT]
    assert room.members["cat"].role == "owner" and "ann" not in room.members


def test_the_last_owner_can_not_give_up_the_room_and_one_of_two_can() -> None:
    room = make()
    down = rooms.SetMember(2, "r", "ann", "op-step-down", "ann", "admin")
    assert refusal(room, down).code is Code.CONFLICT
    room.handle(rooms.SetMember(3, "r", "ann", "op-raise", "bob", "owner"), NOW)
    room.handle(rooms.SetMember(4, "r", "ann", "op-step-down-2", "ann", "admin"), NOW)
    assert {user: member.role for user, member in room.members.items()} == {"ann": "admin", "bob": "owner"}


def test_the_last_member_may_leave() -> None:
    room = make(members=())
    assert room.handle(rooms.RemoveMember(1, "r", "ann", "op-leave-1", "ann"), NOW).entries
    assert room.members == {}


def test_a_direct_room_keeps_its_two_members() -> None:
    room = make("direct")
    assert refusal(room, rooms.SetMember(1, "r", "ann", "op-add-1", "eve", "member")).code == Code.FORBIDDEN
    assert refusal(room, rooms.RemoveMember(1, "r", "ann", "op-leave-1", "ann")).code == Code.FORBIDDEN
    other = room.handle(rooms.Create(1, "r", "bob", "op-create-2", "direct", None, None, False, ["ann"]), NOW)
    assert other.entries == [] and other.answer is not None and other.answer.duplicate


def test_recent_events_are_contiguous_up_to_the_head() -> None:
    room = make()
    for number in range(400):
        post(room, "ann", f"nonce-{number:06}")
    recent = room.events_after(0)
    assert [event.seq for event in recent] == list(range(room.head - len(recent) + 1, room.head + 1))
    assert [event.seq for event in room.events_after(room.head - 2)] == [room.head - 1, room.head]


def test_what_a_log_leads_to_is_what_the_commands_led_to() -> None:
    entries: list[Entry] = []
    room = Room("r")
    for command in (
        rooms.Create(1, "r", "ann", "op-create", "group", "Lunch", None, True, ["bob"]),
        rooms.Join(2, "r", "eve", "op-join-1"),
        rooms.Post(3, "r", "eve", "nonce-01", "hi"),
        rooms.RemoveMember(4, "r", "ann", "op-leave-1", "ann"),
    ):
        entries += room.handle(command, NOW).entries
    again = replay("r", entries)
    assert (again.head, again.n, again.members, again.object()) == (room.head, room.n, room.members, room.object())


def test_who_joins_a_public_room_that_all_had_left_owns_it() -> None:
    room = make(public=True, members=())
    room.handle(rooms.RemoveMember(3, "r", "ann", "op-leave", "ann"), NOW)
    assert room.members == {}
    room.handle(rooms.Join(4, "r", "cat", "op-join"), NOW)
    assert room.members["cat"].role == "owner"
    room.handle(rooms.Join(5, "r", "dan", "op-join"), NOW)
    assert room.members["dan"].role == "member"
