"""REST of a gateway: rooms and messages; statuses and refusals, also when messaging is away."""

import secrets

import httpx
import pytest

from tests.integration.gateway.people import PASSWORD, Person, check_problem, sign_up
from tests.support.processes import Program
from tests.support.waiting import until


def test_a_group_is_made_listed_and_seen_by_its_members_only(ada: Person, bob: Person, api: str) -> None:
    room = ada.make_room(name="  the   den ", members=[bob.id])
    assert room["name"] == "the den"
    assert (room["kind"], room["members"], room["created_by"]) == ("group", 2, ada.id)
    rows = bob.http.get("/rooms").json()["items"]
    assert [row["room"]["id"] for row in rows] == [room["id"]]
    members = bob.http.get(f"/rooms/{room['id']}/members").json()["items"]
    assert {row["user"]["username"]: row["role"] for row in members} == {ada.username: "owner", bob.username: "member"}
    stranger = sign_up(api)
    for path in ("", "/members", "/messages", "/events"):
        check_problem(stranger.http.get(f"/rooms/{room['id']}{path}"), 404, "not_found")
        check_problem(stranger.http.get(f"/rooms/{secrets.token_hex(8)}{path}"), 404, "not_found")
    check_problem(stranger.say(room["id"], "hello"), 404, "not_found")
    stranger.http.close()


def test_a_direct_room_is_the_same_for_the_same_pair(ada: Person, bob: Person) -> None:
    first = ada.make_room(kind="direct", name=None, members=[bob.id])
    again = bob.make_room(kind="direct", name=None, members=[ada.id, bob.id])
    assert first["id"] == again["id"]
    assert first["members"] == 2


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": "club"}, "kind"),
        ({"name": None}, "name"),
        ({"name": " \n "}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"kind": "direct", "name": None}, "members"),
        ({"members": ["nobody"]}, "members[0]"),
        ({"members": ["not an id"]}, "members[0]"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_room_that_makes_no_sense_is_refused_by_field(ada: Person, fields: dict[str, object], field: str) -> None:
    answer = ada.http.post("/rooms", json={"kind": "group", "name": "den", **fields})
    problem = check_problem(answer, 422, "validation_failed")
    assert [error["field"] for error in problem["errors"]] == [field]


def test_members_come_change_and_go(ada: Person, bob: Person) -> None:
    room = ada.make_room()["id"]
    assert ada.http.put(f"/rooms/{room}/members/{bob.id}", json={"role": "member"}).status_code == 204
    assert bob.say(room, "here").status_code == 201
    assert ada.http.put(f"/rooms/{room}/members/{bob.id}", json={"role": "admin"}).status_code == 204
    until(lambda: "admin" in ada.http.get(f"/rooms/{room}/members").text, "the new role is listed")
    assert ada.http.delete(f"/rooms/{room}/members/{bob.id}").status_code == 204
    check_problem(bob.say(room, "still here?"), 404, "not_found")
    check_problem(ada.http.put(f"/rooms/{room}/members/nobody", json={}), 404, "not_found")
    check_problem(ada.http.put(f"/rooms/{room}/members/{bob.id}", json={"role": "king"}), 422, "validation_failed")


def test_a_public_channel_is_open_to_join_and_to_leave(ada: Person, bob: Person) -> None:
    room = ada.make_room(kind="channel", name="lobby", public=True)["id"]
    check_problem(bob.say(room, "hello"), 403, "not_a_member")
    joined = bob.http.post(f"/rooms/{room}/join")
    assert joined.status_code == 200
    assert joined.json()["id"] == room
    assert bob.say(room, "hello").status_code == 201
    assert bob.http.post(f"/rooms/{room}/leave").status_code == 204
    check_problem(bob.say(room, "hello"), 403, "not_a_member")


def test_the_read_mark_moves_the_unread_count(ada: Person, bob: Person) -> None:
    room = ada.make_room(members=[bob.id])["id"]
    seqs = [ada.say(room, f"message {number}").json()["seq"] for number in range(3)]

    def unread() -> int:
        row = next(row for row in bob.http.get("/rooms").json()["items"] if row["room"]["id"] == room)
        return int(row["unread"])

    assert unread() == 3
    answer = bob.http.patch(f"/rooms/{room}/me", json={"read_seq": seqs[1]})
    assert answer.status_code == 200
    assert answer.json()["read_seq"] == seqs[1]
    until(lambda: unread() == 1, "one message is unread")
    check_problem(bob.http.patch(f"/rooms/{room}/me", json={"read_seq": 10**6}), 422, "validation_failed")


def test_unread_is_what_lies_between_read_and_head_on_every_device_also_of_ones_own_messages(
    api: str, ada: Person, bob: Person
) -> None:
    """Every device counts alike, since nothing but the log and the mark is counted: one's own messages too, until a
    device says `read`."""
    room = ada.make_room(members=[bob.id])["id"]
    signed_in = httpx.post(f"{api}/auth/login", json={"login": ada.username, "password": PASSWORD}, trust_env=False)
    headers = {"Authorization": f"Bearer {signed_in.json()['access_token']}"}
    with httpx.Client(base_url=api, trust_env=False, timeout=10, headers=headers) as phone:

        def rows() -> list[tuple[int, int, int, int]]:
            found = []
            for device in (ada.http, phone):
                row = next(row for row in device.get("/rooms").json()["items"] if row["room"]["id"] == room)
                one = device.get(f"/rooms/{room}").json()
                assert (one["head"], one["n"]) == (row["room"]["head"], row["room"]["n"])
                found.append((row["head"], row["n"], row["unread"], row["membership"]["read_seq"]))
            return found

        begin = rows()[0][0]
        mine = ada.say(room, "mine").json()["seq"]
        theirs = bob.say(room, "theirs").json()["seq"]
        joined = rows()[0][3]
        assert rows() == [(theirs, 2, 2, joined)] * 2
        assert phone.patch(f"/rooms/{room}/me", json={"read_seq": mine}).status_code == 200
        until(lambda: rows() == [(theirs, 2, 1, mine)] * 2, "one is unread on both devices")
        assert phone.patch(f"/rooms/{room}/me", json={"read_seq": begin}).status_code == 200
        assert ada.http.patch(f"/rooms/{room}/me", json={"read_seq": theirs}).status_code == 200
        until(lambda: rows() == [(theirs, 2, 0, theirs)] * 2, "nothing is unread, and a mark never goes back")


# Messages


def test_the_same_nonce_again_is_the_same_message(ada: Person) -> None:
    room = ada.make_room()["id"]
    first = ada.say(room, "caf\u0065\u0301\x00", "nonce-0001")
    again = ada.say(room, "something else", "nonce-0001")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json()["body"] == "caf\u00e9"
    assert first.json()["sender"] == ada.id


def test_history_comes_in_pages_around_any_place(ada: Person) -> None:
    room = ada.make_room()["id"]
    seqs = [ada.say(room, f"message {number}").json()["seq"] for number in range(10)]

    def read(**query: int) -> list[int]:
        answer = ada.http.get(f"/rooms/{room}/messages", params=query)
        assert answer.status_code == 200
        assert answer.json()["head"] == seqs[-1]
        return [message["seq"] for message in answer.json()["messages"]]

    assert read() == seqs
    assert read(limit=3) == seqs[-3:]
    assert read(limit=3, before=seqs[5]) == seqs[2:5]
    assert read(limit=3, after=seqs[5]) == seqs[6:9]
    assert seqs[5] in read(limit=4, around=seqs[5])
    for bad in ({"limit": 0}, {"limit": 201}, {"limit": "x"}, {"before": -1}, {"before": 1, "after": 1}):
        check_problem(ada.http.get(f"/rooms/{room}/messages", params=bad), 422, "validation_failed")
    assert ada.http.get(f"/rooms/{room}/messages", params={"unknown": "1"}).status_code == 200


def test_events_are_contiguous_frames(ada: Person, bob: Person) -> None:
    room = ada.make_room(members=[bob.id])["id"]
    for number in range(5):
        ada.say(room, f"message {number}")
    answer = ada.http.get(f"/rooms/{room}/events", params={"after": 0}).json()
    assert [event["seq"] for event in answer["events"]] == list(range(1, answer["head"] + 1))
    assert answer["events"][-1]["type"] == "message.created"
    assert answer["events"][-1]["message"]["body"] == "message 4"
    part = ada.http.get(f"/rooms/{room}/events", params={"after": 2, "limit": 2}).json()
    assert [event["seq"] for event in part["events"]] == [3, 4]


def test_a_message_is_changed_by_its_sender_and_deleted(ada: Person, bob: Person) -> None:
    room = ada.make_room(members=[bob.id])["id"]
    path = f"/rooms/{room}/messages/{ada.say(room, 'frist').json()['seq']}"
    edited = ada.http.patch(path, json={"body": "first"})
    assert edited.status_code == 200
    assert (edited.json()["body"], edited.json()["edited_at"] is not None) == ("first", True)
    check_problem(bob.http.patch(path, json={"body": "mine"}), 403, "forbidden")
    check_problem(ada.http.delete(path, params={"for": "me"}), 422, "validation_failed")
    assert ada.http.delete(path).status_code == 204
    check_problem(ada.http.patch(path, json={"body": "again"}), 404, "not_found")
    check_problem(ada.http.delete(f"/rooms/{room}/messages/999999"), 404, "not_found")
    check_problem(ada.http.delete(f"/rooms/{room}/messages/one"), 404, "not_found")


def test_reactions_come_and_go(ada: Person, bob: Person) -> None:
    room = ada.make_room(members=[bob.id])["id"]
    seq = ada.say(room, "good news").json()["seq"]

    def reactions() -> object:
        messages = ada.http.get(f"/rooms/{room}/messages").json()["messages"]
        return next(message for message in messages if message["seq"] == seq)["reactions"]

    thumb = "\U0001f44d\U0001f3fd"
    assert bob.http.put(f"/rooms/{room}/messages/{seq}/reactions/{thumb}").status_code == 204
    until(lambda: reactions() == {thumb: [bob.id]}, "the reaction is there")
    assert bob.http.delete(f"/rooms/{room}/messages/{seq}/reactions/{thumb}").status_code == 204
    until(lambda: reactions() == {}, "the reaction is gone")
    check_problem(bob.http.put(f"/rooms/{room}/messages/{seq}/reactions/no"), 422, "validation_failed")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"nonce": "short", "body": "x"}, "nonce"),
        ({"nonce": "long-enough\n", "body": "x"}, "nonce"),
        ({"nonce": "long-enough", "body": ""}, "body"),
        ({"nonce": "long-enough", "body": "\x00\x01"}, "body"),
        ({"nonce": "long-enough", "body": "x" * 8001}, "body"),
        ({"nonce": "long-enough", "body": "x", "attachments": ["a"] * 17}, "attachments"),
    ],
)
def test_a_message_out_of_bounds_is_refused_by_field(ada: Person, body: dict[str, object], field: str) -> None:
    room = ada.make_room()["id"]
    problem = check_problem(ada.http.post(f"/rooms/{room}/messages", json=body), 422, "validation_failed")
    assert problem["errors"][0]["field"] == field


# Without messaging


def test_without_messaging_calls_are_unavailable_and_say_when_to_retry(ada: Person, messaging: Program) -> None:
    messaging.kill()
    try:
        # A call that the broker took just before it noticed the death is lost with the queue, and times out.
        until(lambda: ada.http.get("/rooms").status_code == 503, "nobody is there to list rooms", 20)
        answer = ada.http.get("/rooms")
        check_problem(answer, 503, "unavailable")
        assert int(answer.headers["retry-after"]) >= 1
        assert ada.http.get("/auth/me").status_code == 200
    finally:
        messaging.start()
        messaging.wait_ready()
    until(lambda: ada.http.get("/rooms").status_code == 200, "rooms are listed again")
