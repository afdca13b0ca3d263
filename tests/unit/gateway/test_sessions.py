"""Which access tokens a gateway believes."""

import base64
import json
import time
from typing import Any

import jwt
import pytest

from services.gateway.sessions import read_claims
from warren.contracts.errors import Code, Refusal

SECRET = "0123456789abcdef0123456789abcdef"


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    whole = {
        "sub": "ada",
        "sid": "s1",
        "jti": "j1",
        "iss": "warren",
        "aud": "warren",
        "exp": now + 60,
        "iat": now,
        "typ": "access",
    }
    return {name: value for name, value in {**whole, **changes}.items() if value is not None}


def signed(**changes: Any) -> str:
    return jwt.encode(claims(**changes), SECRET, algorithm="HS256")


def code_of(token: str) -> Code:
    with pytest.raises(Refusal) as caught:
        read_claims(SECRET, token)
    return caught.value.code


def test_a_token_of_ours_is_believed() -> None:
    assert read_claims(SECRET, signed()).sub == "ada"


def test_an_expired_token_says_so() -> None:
    assert code_of(signed(exp=int(time.time()) - 1)) is Code.TOKEN_EXPIRED


@pytest.mark.parametrize("name", ["sub", "sid", "jti", "iss", "aud", "exp", "iat", "typ"])
def test_every_claim_is_needed(name: str) -> None:
    assert code_of(signed(**{name: None})) is Code.UNAUTHENTICATED


@pytest.mark.parametrize(
    "changes", [{"iss": "other"}, {"aud": "other"}, {"typ": "refresh"}, {"sid": 5}, {"sub": 5}, {"exp": "soon"}]
)
def test_a_claim_of_another_kind_is_not_believed(changes: dict[str, Any]) -> None:
    assert code_of(signed(**changes)) is Code.UNAUTHENTICATED


def test_a_token_signed_by_another_is_not_believed() -> None:
    assert code_of(jwt.encode(claims(), "f" * 32, algorithm="HS256")) is Code.UNAUTHENTICATED


def test_the_algorithm_is_pinned() -> None:
    assert code_of(jwt.encode(claims(), "f" * 64, algorithm="HS512")) is Code.UNAUTHENTICATED
    assert code_of(jwt.encode(claims(), SECRET * 2, algorithm="HS512")) is Code.UNAUTHENTICATED
    unsigned = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "none", "typ": "JWT"}, claims())
    )
    assert code_of(f"{unsigned}.") is Code.UNAUTHENTICATED


@pytest.mark.parametrize("token", ["", ".", "a.b", "a.b.c", "\u00e9" * 10, "x" * 5000])
def test_nonsense_is_not_believed(token: str) -> None:
    assert code_of(token) is Code.UNAUTHENTICATED


def test_a_token_from_an_instance_whose_clock_is_ahead_is_believed() -> None:
    assert read_claims(SECRET, signed(iat=int(time.time()) + 30)).sub == "ada"
