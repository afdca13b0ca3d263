"""Pure: errors as RFC 9457 problem documents."""

import re
from http import HTTPStatus

import msgspec
from sanic.exceptions import SanicException

from warren.contracts.errors import MEANING, Code, FieldError, Refusal
from warren.contracts.rest import Problem

CONTENT_TYPE = "application/problem+json"
_PATH = re.compile(r" - at `(?:key in )?\$(.*)`$")
_NAMED = re.compile(r"(?:unknown|required) field `([^`]+)`")
_OF_SANIC = {
    404: (Code.NOT_FOUND, "There is no such path."),
    405: (Code.BAD_REQUEST, "This path does not take this method."),
    408: (Code.BAD_REQUEST, "The request did not arrive in time; try again."),
    413: (Code.TOO_LARGE, "The request is too large."),
    503: (Code.UNAVAILABLE, "No answer in time; try again."),
}
INTERNAL = "Something went wrong on our side; it has been logged under the request id."


class Answer(msgspec.Struct, frozen=True):
    """Status, headers and body of a refused request."""

    status: int
    headers: dict[str, str]
    problem: Problem


def refused(refusal: Refusal, request_id: str, *, status: int | None = None) -> Answer:
    """The problem document of a refusal. Those that may be tried again say when."""
    code = refusal.code
    meaning = MEANING[code]
    answered = status or meaning.status
    headers = {}
    retry_after_ms = refusal.retry_after_ms
    if answered in (429, 503):
        headers["Retry-After"] = str(max(1, -(-(retry_after_ms or 1000) // 1000)))
    if answered == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="warren"'
    problem = Problem(
        type=f"/api/v1/docs#{code}",
        title=HTTPStatus(status).phrase if status else meaning.title,
        status=answered,
        detail=refusal.detail,
        code=code,
        request_id=request_id,
        retry_after_ms=retry_after_ms,
        errors=list(refusal.errors),
    )
    return Answer(answered, headers, problem)


def of_http(error: SanicException, request_id: str) -> Answer:
    """The problem document of what the HTTP server refused before any endpoint saw it."""
    status = error.status_code or 500
    fallback = (Code.BAD_REQUEST, "The request is malformed.") if status < 500 else (Code.INTERNAL, INTERNAL)
    code, detail = _OF_SANIC.get(status, fallback)
    answer = refused(Refusal(code, detail), request_id, status=status)
    if status == 405 and (allowed := error.headers.get("Allow")):
        answer.headers["Allow"] = str(allowed)
    return answer


def unexpected(request_id: str) -> Answer:
    """The problem document of a fault of ours: it tells nothing but where to look."""
    return refused(Refusal(Code.INTERNAL, INTERNAL), request_id)


def of_validation(error: msgspec.ValidationError) -> Refusal:
    """`validation_failed` with the path of the field that msgspec found wrong."""
    text = str(error)
    path = _PATH.search(text)
    detail = text[: path.start()] if path else text
    field = path[1].lstrip(".") if path else ""
    if named := _NAMED.search(detail):
        field = f"{field}.{named[1]}".lstrip(".")
    found = FieldError(field or "body", detail.replace("`", ""))
    return Refusal(Code.VALIDATION_FAILED, f"{found.field}: {found.detail}", errors=(found,))
