"""Text as it is stored."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.text import is_one_grapheme, normalise_body, normalise_line
from warren.contracts.errors import Refusal


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_body_is_composed_free_of_controls_and_stays_as_it_is(text: str) -> None:
    try:
        body = normalise_body(text)
    except Refusal:
        return
    assert unicodedata.is_normalized("NFC", body)
    assert not [c for c in body if unicodedata.category(c) == "Cc" and c not in "\n\t"]
    assert normalise_body(body) == body
    assert 1 <= len(body) <= 8_000


def test_lines_and_tabs_of_a_body_stay() -> None:
    assert normalise_body("a\r\n\tb\x00\x7f\x85") == "a\n\tb"


@pytest.mark.parametrize("text", ["", "\x00", "x" * 8_001, "\x00" * 9_000])
def test_a_body_without_text_or_with_too_much_is_refused(text: str) -> None:
    with pytest.raises(Refusal):
        normalise_body(text)


def test_a_body_of_the_full_length_passes() -> None:
    assert len(normalise_body("\U0001f44d" * 8_000)) == 8_000


def test_a_name_is_one_line_without_space_to_spare() -> None:
    assert normalise_line("  the\n\tden \x00", "name", 80) == "the den"
    for text in ("", " \n ", "\x00", "x" * 81):
        with pytest.raises(Refusal):
            normalise_line(text, "name", 80)


@pytest.mark.parametrize(
    "emoji",
    ["x", "\u00e9", "\U0001f44d", "\U0001f44d\U0001f3fd", "\u2764\ufe0f", "1\ufe0f\u20e3", "\U0001f1e9\U0001f1ea",
     "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f3f4\U000e0067\U000e0062\U000e007f"],
)  # fmt: skip
def test_what_a_person_sees_as_one_character_is_one(emoji: str) -> None:
    assert is_one_grapheme(emoji)


@pytest.mark.parametrize("text", ["", " ", "ab", "\n", "\U0001f44d\U0001f44d", "\U0001f1e9", "\u0301", "a\u200d b"])
def test_what_is_not_one_character_is_not(text: str) -> None:
    assert not is_one_grapheme(text)
