"""Errors as problem documents."""

import msgspec
import pytest

from services.gateway.rest.problems import of_validation, refused, unexpected
from warren.contracts import rest
from warren.contracts.codec import decode_json, encode_json
from warren.contracts.errors import MEANING, Code, Refusal, invalid


@pytest.mark.parametrize("code", Code)
def test_every_code_has_a_document_with_its_status(code: Code) -> None:
    answer = refused(Refusal(code, "Do this instead."), "request-1")
    document = msgspec.json.decode(encode_json(answer.problem))
    assert answer.status == document["status"] == MEANING[code].status
    assert document["code"] == code
    assert document["detail"] == "Do this instead."
    assert document["request_id"] == "request-1"
    assert "errors" not in document
    assert ("Retry-After" in answer.headers) == (answer.status in (429, 503))
    assert ("WWW-Authenticate" in answer.headers) == (answer.status == 401)


def test_retry_after_is_in_whole_seconds_and_never_too_early() -> None:
    for milliseconds, seconds in ((1, "1"), (1000, "1"), (1001, "2"), (30_000, "30")):
        answer = refused(Refusal(Code.OVERLOADED, "x", retry_after_ms=milliseconds), "r")
        assert answer.headers["Retry-After"] == seconds


def test_bad_fields_are_listed() -> None:
    answer = refused(invalid("name", "too long"), "r")
    assert msgspec.json.decode(encode_json(answer.problem))["errors"] == [{"field": "name", "detail": "too long"}]


def test_a_fault_of_ours_tells_nothing_of_itself() -> None:
    assert unexpected("r").problem.detail.startswith("Something went wrong on our side")


@pytest.mark.parametrize(
    ("kind", "body", "field"),
    [
        (rest.Register, b'{"username": "a", "email": "b"}', "password"),
        (rest.Register, b'{"username": "a", "email": "b", "password": 1}', "password"),
        (rest.Register, b'{"username": "a", "email": "b", "password": "c", "x": 1}', "x"),
        (rest.CreateRoom, b'{"kind": "group", "members": ["a", "b c"]}', "members[1]"),
        (rest.CreateRoom, b"[]", "body"),
        (rest.PatchMembership, b'{"read_seq": -1}', "read_seq"),
    ],
)
def test_what_does_not_fit_is_named_by_its_path(kind: type[rest.Body], body: bytes, field: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        decode_json(body, kind)
    refusal = of_validation(caught.value)
    assert refusal.code is Code.VALIDATION_FAILED
    assert [error.field for error in refusal.errors] == [field]
    assert "`" not in refusal.detail
