"""What an endpoint is, and one call of it."""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from sanic import HTTPResponse, Request
from sanic.response import raw

from services.gateway.limits import client_address
from services.gateway.rest.problems import of_validation
from services.gateway.sessions import Session
from warren.contracts import limits, rooms
from warren.contracts.codec import decode_json, encode_json
from warren.contracts.errors import Code, Refusal, invalid, not_found
from warren.contracts.rest import Body

B = TypeVar("B", bound=Body)
_ID = re.compile(limits.ID_PATTERN)
_NUMBER = re.compile(r"[0-9]{1,16}")
LAST_SEQ = 2**53


class Commands(Protocol):
    """What REST needs of `rooms.commands.CommandSender`."""

    def next_ref(self) -> int: ...

    def submit(self, command: rooms.AnyCommand) -> None: ...

    async def ask(self, command: rooms.AnyCommand) -> rooms.Stored: ...


class Call:
    """One request. `session` is None only on open endpoints."""

    def __init__(self, request: Request, session: Session | None) -> None:
        self.request = request
        self._session = session

    @property
    def session(self) -> Session:
        assert self._session is not None  # the endpoint is not open
        return self._session

    @property
    def user(self) -> str:
        return self.session.user

    @property
    def address(self) -> str:
        """Where it comes from, for rates."""
        return client_address(self.request.ip, self.request.headers.get("x-forwarded-for"))

    def id(self, name: str) -> str:
        """An id in the path. What no id can look like does not exist."""
        value = str(self.request.match_info[name])
        if not _ID.fullmatch(value):
            raise not_found(name)
        return value

    def seq(self) -> int:
        """The number of a message in the path."""
        value = str(self.request.match_info["seq"])
        if not _NUMBER.fullmatch(value) or not 0 < int(value) <= LAST_SEQ:
            raise not_found("message")
        return int(value)

    def text(self, name: str) -> str | None:
        """A query parameter; empty counts as absent."""
        value = self.request.args.get(name)
        return str(value) if value else None

    def number(self, name: str) -> int | None:
        """A `seq` among the query parameters."""
        value = self.text(name)
        if value is None:
            return None
        if not _NUMBER.fullmatch(value) or int(value) > LAST_SEQ:
            raise invalid(name, "a whole number from 0")
        return int(value)

    def limit(self) -> int:
        value = self.text("limit")
        if value is None:
            return limits.PAGE_DEFAULT
        if not _NUMBER.fullmatch(value) or not 1 <= int(value) <= limits.PAGE_MAX:
            raise invalid("limit", f"a whole number from 1 to {limits.PAGE_MAX}")
        return int(value)

    def decode(self, kind: type[B], *, optional: bool = False) -> B:
        """The body, strictly: unknown fields are refused. `optional` = no body at all is an empty one."""
        body = self.request.body
        if optional and not body:
            body = b"{}"
        elif self.request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refusal(Code.BAD_REQUEST, "Send the body as JSON, with Content-Type: application/json.")
        try:
            return decode_json(body, kind)
        except msgspec.ValidationError as error:
            raise of_validation(error) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Refusal(Code.BAD_REQUEST, f"The body is not valid JSON: {error}.") from error


Handler = Callable[[Call], Awaitable[HTTPResponse]]


class Taking(Generic[B]):
    """A handler that takes a body of one type."""

    def __init__(
        self, kind: type[B], handle: Callable[[Call, B], Awaitable[HTTPResponse]], *, optional: bool = False
    ) -> None:
        self.kind = kind
        self.optional = optional
        self._handle = handle

    async def __call__(self, call: Call) -> HTTPResponse:
        return await self._handle(call, call.decode(self.kind, optional=self.optional))


class Parameter(msgspec.Struct, frozen=True):
    """A query parameter, for the API's description."""

    name: str
    about: str
    kind: type = str


LIMIT = Parameter("limit", f"1 to {limits.PAGE_MAX}, default {limits.PAGE_DEFAULT}.", int)
CURSOR = Parameter("cursor", "The `next` of the page before.")


class Endpoint(msgspec.Struct, frozen=True):
    """One method of one path below /api/v1. `answers` maps each status of success to the type of its body.

    `open` = needs no access token.
    """

    topic: str
    method: str
    path: str
    handle: Handler | Taking[Any]
    answers: dict[int, Any]
    about: str
    query: Sequence[Parameter] = ()
    open: bool = False


def answer(value: object, status: int = 200) -> HTTPResponse:
    return answer_bytes(encode_json(value), status)


def answer_bytes(body: bytes, status: int = 200) -> HTTPResponse:
    """JSON that somebody encoded already."""
    return raw(body, status=status, content_type="application/json")


def nothing() -> HTTPResponse:
    return HTTPResponse(status=204)
