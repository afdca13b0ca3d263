"""What a presented refresh token means, and what access tokens hold."""

import jwt
from hypothesis import given
from hypothesis import strategies as st

from services.auth.tokens import (
    GRACE_MS,
    SIBLINGS,
    Family,
    Verdict,
    access_token,
    advance,
    fingerprint,
    judge,
    new_refresh_token,
)
from warren.contracts.auth import ACCESS_SECONDS

SECRET = "0123456789abcdef0123456789abcdef"
FIRST, SECOND, THIRD = (fingerprint(name) for name in ("first", "second", "third"))


def test_the_current_token_rotates() -> None:
    family = Family([FIRST], [], 0)
    assert judge(family, FIRST, 10**9) is Verdict.ROTATE
    assert advance(family, Verdict.ROTATE, SECOND, 5) == Family([SECOND], [FIRST], 5)


def test_the_previous_token_works_inside_the_grace_only() -> None:
    family = Family([SECOND], [FIRST], 1_000)
    assert judge(family, FIRST, 1_000 + GRACE_MS) is Verdict.AGAIN
    assert judge(family, FIRST, 1_001 + GRACE_MS) is Verdict.REUSED


def test_the_grace_is_not_made_longer_by_using_it() -> None:
    family = advance(Family([SECOND], [FIRST], 1_000), Verdict.AGAIN, THIRD, 9_000)
    assert family == Family([SECOND, THIRD], [FIRST], 1_000)


def test_all_tokens_of_one_grace_stay_good_until_the_next_rotation() -> None:
    family = Family([SECOND, THIRD], [FIRST], 0)
    assert judge(family, SECOND, 10**9) is judge(family, THIRD, 10**9) is Verdict.ROTATE


def test_a_token_from_before_the_previous_rotation_is_reused() -> None:
    assert judge(Family([THIRD], [SECOND], 1_000), FIRST, 1_000) is Verdict.REUSED


def test_a_grace_hands_out_a_bounded_number_of_tokens() -> None:
    family = Family([SECOND], [FIRST], 0)
    for number in range(SIBLINGS - 1):
        assert judge(family, FIRST, 1) is Verdict.AGAIN
        family = advance(family, Verdict.AGAIN, fingerprint(str(number)), 1)
    assert judge(family, FIRST, 1) is Verdict.REUSED


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20_000)), max_size=30))
def test_whoever_holds_a_copy_is_found_out(presented: list[tuple[int, int]]) -> None:
    """Whatever is presented and when: a token is good only while it is of the last rotation, or of the one before and
    inside the grace; so two holders of one token cannot both go on rotating for ever."""
    given_out = [FIRST]
    family, now = Family([FIRST], [], 0), 0
    for which, pause in presented:
        now += pause
        token = given_out[which % len(given_out)]
        verdict = judge(family, token, now)
        if verdict is Verdict.REUSED:
            assert token not in family.current
            assert token not in family.previous or now - family.rotated_at > GRACE_MS or len(family.current) == SIBLINGS
            return
        fresh = fingerprint(str(len(given_out)))
        given_out.append(fresh)
        after = advance(family, verdict, fresh, now)
        assert fresh in after.current
        if verdict is Verdict.ROTATE:
            assert token in after.previous
            assert after.current == [fresh]
        family = after


def test_refresh_tokens_have_256_bits_and_never_repeat() -> None:
    tokens = {new_refresh_token() for _ in range(1_000)}
    assert len(tokens) == 1_000
    assert all(len(token) == 43 for token in tokens)


def test_an_access_token_names_the_session_and_ends_in_a_quarter_of_an_hour() -> None:
    token = access_token(SECRET, "ada", "s1", 5_000_000, 10**12)
    claims = jwt.decode(token.text, options={"verify_signature": False})
    assert jwt.get_unverified_header(token.text)["alg"] == "HS256"
    assert (claims["sub"], claims["sid"], claims["typ"]) == ("ada", "s1", "access")
    assert claims["exp"] - claims["iat"] == ACCESS_SECONDS == token.life


def test_an_access_token_does_not_outlive_its_session() -> None:
    assert access_token(SECRET, "ada", "s1", 5_000_000, 5_060_000).life == 60
