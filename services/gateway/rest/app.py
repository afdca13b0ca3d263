"""Puts REST on the gateway's HTTP server: routes, ids, rates, sessions, and one place where errors become answers."""

import time
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from prometheus_client import Histogram
from sanic import HTTPResponse, Request, Sanic
from sanic.exceptions import SanicException
from sanic.response import BaseHTTPResponse, raw

from services.gateway.limits import REQUESTS, RateLimits
from services.gateway.rest import problems
from services.gateway.rest.auth import AuthEndpoints
from services.gateway.rest.docs import DocsEndpoints
from services.gateway.rest.endpoint import Call, Commands, Endpoint
from services.gateway.rest.messages import MessageEndpoints
from services.gateway.rest.rooms import RoomEndpoints
from services.gateway.rest.users import UserEndpoints
from services.gateway.sessions import Session
from services.gateway.settings import GatewaySettings
from warren.chassis.rpc_client import RpcClient
from warren.chassis.telemetry import begin_request, get_logger
from warren.contracts import limits as bounds
from warren.contracts.codec import encode_json
from warren.contracts.errors import Code, Refusal

PREFIX = "/api/v1"
SECONDS = Histogram("warren_rest_seconds", "Time to answer a REST request.", ["endpoint", "status"])
log = get_logger("rest")


class Authenticator(Protocol):
    """What REST needs of `sessions.Sessions`."""

    async def authenticate(self, access_token: str) -> Session: ...


def install(
    app: Sanic,  # type: ignore[type-arg]
    *,
    settings: GatewaySettings,
    sessions: Authenticator,
    rpc: RpcClient,
    commands: Commands,
    limits: RateLimits,
) -> None:
    """Register everything below /api/v1, and how errors are answered everywhere."""
    endpoints = [
        *AuthEndpoints(settings, rpc, limits).endpoints(),
        *UserEndpoints(rpc).endpoints(),
        *RoomEndpoints(rpc, commands).endpoints(),
        *MessageEndpoints(rpc, commands, limits).endpoints(),
    ]
    install_endpoints(app, [*endpoints, *DocsEndpoints(endpoints).endpoints()], sessions, limits)


def install_endpoints(
    app: Sanic,  # type: ignore[type-arg]
    endpoints: list[Endpoint],
    sessions: Authenticator,
    limits: RateLimits,
) -> None:
    app.config.REQUEST_MAX_SIZE = bounds.REQUEST_BYTES
    app.register_middleware(_begin, "request")
    app.register_middleware(_finish, "response")
    app.exception(Exception)(_answer_error)
    for endpoint in endpoints:
        app.add_route(
            _route(endpoint, sessions, limits),
            PREFIX + endpoint.path.replace("{", "<").replace("}", ":str>"),
            methods=[endpoint.method],
            name=f"{endpoint.method} {endpoint.path}".translate(_NAME),
            strict_slashes=True,
            unquote=True,
        )


_NAME = str.maketrans({" ": "_", "/": "_", "{": "", "}": "", ".": "_"})


def _route(
    endpoint: Endpoint, sessions: Authenticator, limits: RateLimits
) -> Callable[..., Coroutine[Any, Any, HTTPResponse]]:
    """The function that Sanic calls: who is it, may they ask so often, then the endpoint."""

    async def serve(request: Request, **_path: str) -> HTTPResponse:
        request.ctx.endpoint = f"{endpoint.method} {endpoint.path}"
        session: Session | None = None
        if not endpoint.open:
            session = await sessions.authenticate(_bearer(request))
            limits.check(REQUESTS, session.user)
        call = Call(request, session)
        if session is None:
            limits.check(REQUESTS, call.address)
        return await endpoint.handle(call)

    return serve


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Refusal(Code.UNAUTHENTICATED, "Send an access token: Authorization: Bearer <token>.")
    return str(token.strip())


async def _begin(request: Request) -> None:
    request.ctx.started = time.perf_counter()
    request.ctx.request_id = begin_request(request.headers)


async def _finish(request: Request, response: BaseHTTPResponse) -> None:
    response.headers["x-request-id"] = _request_id(request)
    if not request.path.startswith(PREFIX):
        return
    response.headers.setdefault("cache-control", "no-store")
    endpoint = getattr(request.ctx, "endpoint", "none")
    started = getattr(request.ctx, "started", time.perf_counter())
    SECONDS.labels(endpoint, str(response.status)).observe(time.perf_counter() - started)


async def _answer_error(request: Request, error: Exception) -> HTTPResponse:
    """Every error of every route ends here: a problem document, and a log line for those that are our fault."""
    request_id = _request_id(request)
    if isinstance(error, Refusal):
        found = problems.refused(error, request_id)
    elif isinstance(error, SanicException) and (error.status_code or 500) != 500:
        found = problems.of_http(error, request_id)
    else:
        log.error("a request failed", method=request.method, path=request.path, exc_info=error)
        found = problems.unexpected(request_id)
    return raw(
        encode_json(found.problem), status=found.status, headers=found.headers, content_type=problems.CONTENT_TYPE
    )


def _request_id(request: Request) -> str:
    """What the server refuses before middleware runs has no id yet."""
    if not hasattr(request.ctx, "request_id"):
        request.ctx.request_id = begin_request(request.headers)
    return str(request.ctx.request_id)
