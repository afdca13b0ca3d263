"""Structured logs (one JSON object a line on stdout), request and trace ids, metrics.

The ids live in context variables, so whatever a request causes logs them, and travel as W3C `traceparent`
and `x-request-id` in HTTP and AMQP headers.
"""

import logging
import re
import secrets
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

import structlog

request_id: ContextVar[str] = ContextVar("request_id", default="")
trace_id: ContextVar[str] = ContextVar("trace_id", default="")

_TRACEPARENT = re.compile(r"^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$")
_REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{8,64}$")


def begin_request(headers: Mapping[str, Any]) -> str:
    """Take the ids of the caller, or make new ones. Returns the request id."""
    given = str(headers.get("x-request-id", ""))
    request = given if _REQUEST_ID.match(given) else secrets.token_hex(8)
    parent = _TRACEPARENT.match(str(headers.get("traceparent", "")))
    request_id.set(request)
    trace_id.set(parent[1] if parent else secrets.token_hex(16))
    return request


def outgoing_headers() -> dict[str, str]:
    """The headers that carry this request's ids to the next process."""
    if not trace_id.get():
        return {}
    return {"x-request-id": request_id.get(), "traceparent": f"00-{trace_id.get()}-{secrets.token_hex(8)}-01"}


def _add_ids(_logger: Any, _method: str, event: "structlog.typing.EventDict") -> "structlog.typing.EventDict":
    if request := request_id.get():
        event["request_id"] = request
        event["trace_id"] = trace_id.get()
    return event


def configure_logs(service: str, server_id: str, level: str) -> None:
    """Send structlog and the standard library's logs through one JSON renderer, once per process."""
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_ids,
        structlog.processors.format_exc_info,
    ]

    def name_instance(_logger: Any, _method: str, event: "structlog.typing.EventDict") -> "structlog.typing.EventDict":
        event["service"] = service
        event["server_id"] = server_id
        return event

    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, name_instance, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                name_instance,
                structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))  # libraries: what went wrong, not what went on


def get_logger(name: str) -> Any:
    """The logger of one part of a service."""
    return structlog.get_logger(part=name)
