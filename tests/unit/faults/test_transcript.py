"""What went over a raw socket becomes the records that a device would have written."""

import json
from typing import Any

from tests.faults import records
from tests.faults.transcript import Sent, Transcript

ROOM = "room"


def frame(at: float, *objects: dict[str, Any]) -> tuple[float, bytes]:
    return at, json.dumps(list(objects) if len(objects) > 1 else objects[0]).encode()


def ready(head: int) -> dict[str, Any]:
    return {"op": "ready", "server_id": "gateway-1", "rooms": {ROOM: head}}


def created(seq: int, nonce: str) -> dict[str, Any]:
    message = {"sender": "ada", "nonce": nonce, "n": seq, "at": "t", "seq": seq, "body": "x", "deleted": False}
    return {"op": "event", "room": ROOM, "seq": seq, "type": "message.created", "at": "t",
            "message": {**message, "reactions": {}}}  # fmt: skip


def ack(nonce: str, seq: int) -> dict[str, Any]:
    return {"op": "ack", "id": nonce, "room": ROOM, "nonce": nonce, "seq": seq}


def refusal(nonce: str, code: str, **fields: Any) -> dict[str, Any]:
    return {"op": "error", "id": nonce, "code": code, "detail": "", **fields}


def transcript(sent: list[str], *frames: tuple[float, bytes]) -> Transcript:
    made = Transcript("flood-1", "ada")
    made.read([Sent(1.0 + number / 10, ROOM, nonce, "x") for number, nonce in enumerate(sent)], list(frames))
    return made


def test_an_acknowledged_message_and_its_event_leave_nothing_open() -> None:
    made = transcript(["a"], frame(0.5, ready(4)), frame(1.5, created(5, "a"), ack("a", 5)))
    assert made.left().pending == []
    assert made.left().last == {ROOM: 5}
    assert [type(record) for record in made.records] == [
        records.Ready, records.Attempt, records.Event, records.Acked,
    ]  # fmt: skip
    assert records.of_kind(made.records, records.Event)[0].shown


def test_what_comes_after_a_gap_is_recorded_but_not_shown() -> None:
    made = transcript([], frame(0.5, ready(4)), frame(1.5, created(6, "a")))
    assert not records.of_kind(made.records, records.Event)[0].shown
    assert made.left().last == {ROOM: 4}


def test_overloaded_is_an_answer_for_good_and_says_when_to_try_again() -> None:
    made = transcript(
        ["a", "b"],
        frame(0.5, ready(0)),
        frame(2.0, refusal("a", "overloaded", retry_after_ms=1000)),
        frame(2.1, refusal("b", "overloaded")),
    )
    assert made.left().pending == []
    assert made.refusals == {"overloaded": 2}
    assert made.without_a_time == 1


def test_what_nobody_knows_the_outcome_of_stays_open() -> None:
    made = transcript(
        ["a", "b"], frame(0.5, ready(0)), frame(16.0, refusal("a", "deadline_exceeded", retry_after_ms=1000))
    )
    assert [sent.nonce for sent in made.left().pending] == ["a", "b"]
    assert [record.final for record in records.of_kind(made.records, records.Refused)] == [False]
