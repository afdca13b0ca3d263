"""What a username, an email and a password may be."""

import pytest

from services.auth.names import NewAccount, device_name, email_key
from warren.contracts.errors import Code, Refusal

GOOD = {"username": "ada", "email": "ada@example.org", "password": "long enough"}


def fields_refused(**changes: str) -> set[str]:
    given = {**GOOD, **changes}
    try:
        NewAccount(given["username"], given["email"], given["password"], None)
    except Refusal as refusal:
        assert refusal.code is Code.VALIDATION_FAILED
        return {error.field for error in refusal.errors}
    return set()


@pytest.mark.parametrize("username", ["ada", "Ada", "a-b", "a.b_c-9", "x" * 32, " ada "])
def test_a_good_username_is_taken_in_lower_case(username: str) -> None:
    assert NewAccount(username, GOOD["email"], GOOD["password"], None).username == username.strip().lower()


@pytest.mark.parametrize(
    "username", ["", "ab", "x" * 33, "-ada", "ada.", "a da", "ada\n1", "ada@x", "\u00e1da", "ad\u212a", "\u0430da"]
)
def test_a_bad_username_is_refused(username: str) -> None:
    assert fields_refused(username=username) == {"username"}


@pytest.mark.parametrize(
    "email", ["", "ada", "@b", "a@", "a b@c.d", "a@b@c", "a\x00@b.c", "a@b.c\u202e", "x" * 65 + "@b.c"]
)
def test_a_bad_email_is_refused(email: str) -> None:
    assert fields_refused(email=email) == {"email"}


@pytest.mark.parametrize("password", ["", "7 chars", "x" * 257])
def test_a_password_out_of_bounds_is_refused(password: str) -> None:
    assert fields_refused(password=password) == {"password"}


def test_all_bad_fields_are_named_at_once() -> None:
    assert fields_refused(username="", email="", password="") == {"username", "email", "password"}


def test_the_name_is_shown_as_it_was_typed() -> None:
    assert NewAccount("AdaL", GOOD["email"], GOOD["password"], None).display_name == "AdaL"


def test_emails_that_differ_in_case_or_composition_are_the_same() -> None:
    assert email_key("CAF\u0045\u0301@Example.ORG") == email_key("caf\u00e9@example.org")


def test_a_device_is_printable_and_bounded() -> None:
    assert device_name("my\x00phone\n") == "myphone"
    assert len(device_name("x" * 500) or "") == 128
    assert device_name("\x00") is None
    assert device_name(None) is None
