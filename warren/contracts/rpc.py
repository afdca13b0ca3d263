"""What a method is, and how its failure looks on the wire.

A call is one message to the service's queue: AMQP `type` is the method's name, the body the request as
MessagePack, `expiration` what is left of the caller's deadline, `reply_to` the caller's direct reply queue.
The reply's `type` is `ok` (the body is the response) or `error` (the body is a `Failure`).

The service's queue is written to disk. What must not be there (passwords, tokens) is not in the call: its body is
empty, and the instance that takes it asks the caller for the request (`type` SECRET, to `reply_to`; its own `reply_to`
names that instance's own queue), which sends it there (`type` SECRET). That queue is in memory only.
"""

from typing import Generic, TypeVar

import msgspec

from warren.contracts.errors import Code, FieldError

DEADLINE_SECONDS = 5.0
SECRET = "secret"

Request = TypeVar("Request", bound=msgspec.Struct)
Response = TypeVar("Response", bound=msgspec.Struct)


class Method(Generic[Request, Response]):
    """A call that one service answers. `idempotent` calls may be retried inside the deadline. The request of a `secret`
    one is written to no disk on its way."""

    __slots__ = ("idempotent", "name", "request", "response", "secret", "service")

    def __init__(
        self, name: str, request: type[Request], response: type[Response], *, idempotent: bool, secret: bool = False
    ) -> None:
        self.name = name
        self.service = name.split(".", 1)[0]
        self.request = request
        self.response = response
        self.idempotent = idempotent
        self.secret = secret


class Failure(msgspec.Struct):
    """A refusal on the wire."""

    code: Code
    detail: str
    retry_after_ms: int | None = None
    errors: list[FieldError] = []


class Nothing(msgspec.Struct):
    """The response of a method that only acknowledges."""
