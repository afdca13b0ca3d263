"""Error codes, one table of what each means at the edges, and the exception that carries one."""

from enum import StrEnum

import msgspec


class Code(StrEnum):
    """The codes that clients see, the same in REST (`code`) and on the socket (`code`)."""

    BAD_REQUEST = "bad_request"
    VALIDATION_FAILED = "validation_failed"
    UNAUTHENTICATED = "unauthenticated"
    TOKEN_EXPIRED = "token_expired"
    SESSION_REVOKED = "session_revoked"
    FORBIDDEN = "forbidden"
    NOT_A_MEMBER = "not_a_member"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    UNAVAILABLE = "unavailable"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    INTERNAL = "internal"


class CloseCode:
    """WebSocket close codes of `/ws`."""

    MALFORMED = 4400
    UNAUTHENTICATED = 4401
    SESSION_REVOKED = 4403
    SLOW_CONSUMER = 4408
    PROTOCOL_VIOLATION = 4409
    TOO_LARGE = 4413
    TOO_FAST = 4429
    GOING_AWAY = 4503


class Meaning(msgspec.Struct, frozen=True):
    """What a code means at the edges: HTTP status, title of the problem document, whether a retry may help."""

    status: int
    title: str
    retryable: bool = False


MEANING: dict[Code, Meaning] = {
    Code.BAD_REQUEST: Meaning(400, "The request is malformed"),
    Code.VALIDATION_FAILED: Meaning(422, "The request has invalid fields"),
    Code.UNAUTHENTICATED: Meaning(401, "Sign in first"),
    Code.TOKEN_EXPIRED: Meaning(401, "The access token has expired"),
    Code.SESSION_REVOKED: Meaning(401, "The session has ended"),
    Code.FORBIDDEN: Meaning(403, "Not allowed"),
    Code.NOT_A_MEMBER: Meaning(403, "Not a member of the room"),
    Code.NOT_FOUND: Meaning(404, "Not found"),
    Code.CONFLICT: Meaning(409, "In conflict with what exists"),
    Code.TOO_LARGE: Meaning(413, "Too large"),
    Code.RATE_LIMITED: Meaning(429, "Too many requests", retryable=True),
    Code.OVERLOADED: Meaning(503, "Overloaded", retryable=True),
    Code.UNAVAILABLE: Meaning(503, "Unavailable", retryable=True),
    Code.DEADLINE_EXCEEDED: Meaning(504, "No answer in time", retryable=True),
    Code.INTERNAL: Meaning(500, "Internal error"),
}


class FieldError(msgspec.Struct, frozen=True):
    """One invalid field of a request: its path (`members[3]`) and what is wrong with it."""

    field: str
    detail: str


class Refusal(Exception):
    """A rule that says no. Only the edge turns it into a problem document or an `error` frame.

    `detail` reaches the client, so it says what to do and holds no secret and no internals.
    """

    def __init__(
        self,
        code: Code,
        detail: str,
        *,
        retry_after_ms: int | None = None,
        errors: tuple[FieldError, ...] = (),
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.retry_after_ms = retry_after_ms
        self.errors = errors


def invalid(field: str, detail: str) -> Refusal:
    """The refusal for one bad field."""
    return Refusal(Code.VALIDATION_FAILED, f"{field}: {detail}", errors=(FieldError(field, detail),))


def not_found(what: str) -> Refusal:
    """The refusal for what does not exist or may not be seen: the two must look alike."""
    return Refusal(Code.NOT_FOUND, f"There is no such {what}.")
