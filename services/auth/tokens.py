"""Pure: access tokens, and what a presented refresh token means for its session."""

import hashlib
import secrets
from enum import Enum

import jwt
import msgspec

from warren.contracts.auth import ACCESS_SECONDS, AUDIENCE, ISSUER, AccessClaims
from warren.contracts.ids import new_id

GRACE_MS = 10_000
"""How long the previous refresh token still works: its answer may have been lost on the way."""

SIBLINGS = 5
"""Tokens that one rotation may hand out inside the grace, to clients that raced or lost the answer."""


class AccessToken(msgspec.Struct, frozen=True):
    """`life` in seconds from now."""

    text: str
    life: int


def access_token(secret: str, user: str, session: str, now_ms: int, session_ends_ms: int) -> AccessToken:
    """A signed access token for ACCESS_SECONDS from now, or until its session ends."""
    now = now_ms // 1000
    life = max(1, min(ACCESS_SECONDS, session_ends_ms // 1000 - now))
    claims = AccessClaims(user, session, new_id(), ISSUER, AUDIENCE, now + life, now, "access")
    return AccessToken(jwt.encode(msgspec.to_builtins(claims), secret, algorithm="HS256"), life)


def new_refresh_token() -> str:
    """256 random bits that mean nothing by themselves."""
    return secrets.token_urlsafe(32)


def fingerprint(refresh_token: str) -> bytes:
    """What is kept of a refresh token. The token is random, so a plain hash cannot be guessed back."""
    return hashlib.sha256(refresh_token.encode("utf-8", "surrogatepass")).digest()


class Family(msgspec.Struct, frozen=True):
    """Fingerprints of a session's living refresh tokens: those of the last rotation, and those of the one before.

    Usually one each. Inside the grace several clients (tabs) may get one for the same previous token.
    """

    current: list[bytes]
    previous: list[bytes]
    rotated_at: int


class Verdict(Enum):
    ROTATE = "it is current: the others of its rotation become previous with it"
    AGAIN = "it is the previous one inside the grace: one more current token"
    REUSED = "it was used before: somebody has a copy"


def judge(family: Family, presented: bytes, now_ms: int) -> Verdict:
    """What presenting this token of the family means now."""
    if presented in family.current:
        return Verdict.ROTATE
    in_grace = presented in family.previous and now_ms - family.rotated_at <= GRACE_MS
    return Verdict.AGAIN if in_grace and len(family.current) < SIBLINGS else Verdict.REUSED


def advance(family: Family, verdict: Verdict, fresh: bytes, now_ms: int) -> Family:
    """The family after `fresh` was handed out. AGAIN does not make the grace longer."""
    if verdict is Verdict.ROTATE:
        return Family([fresh], family.current, now_ms)
    return Family([*family.current, fresh], family.previous, family.rotated_at)
