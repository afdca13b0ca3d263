"""Pure: the OpenAPI 3.1 description, from the endpoints and the types that the code itself uses."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from services.gateway.rest.endpoint import Endpoint, Parameter, Taking
from services.gateway.rest.problems import CONTENT_TYPE
from warren.contracts.errors import MEANING, Code
from warren.contracts.rest import Problem

VERSION = "1.0.0"
_IN_PATH = re.compile(r"\{(\w+)\}")
_ALWAYS = (Code.BAD_REQUEST, Code.RATE_LIMITED, Code.INTERNAL, Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED)


def describe(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The document as JSON values."""
    schemas, components = _schemas(endpoints)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Warren",
            "version": VERSION,
            "description": "Team chat. Errors are problem documents (RFC 9457) whose `code` is stable.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/api/v1"}],
        "tags": [{"name": topic} for topic in dict.fromkeys(endpoint.topic for endpoint in endpoints)],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"access_token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _schemas(endpoints: Sequence[Endpoint]) -> tuple[dict[Any, Any], dict[str, Any]]:
    """The schema of each type that occurs, and the components that they refer to."""
    kinds: list[Any] = [Problem]
    for endpoint in endpoints:
        kinds += [kind for kind in endpoint.answers.values() if kind is not None]
        if isinstance(endpoint.handle, Taking):
            kinds.append(endpoint.handle.kind)
    unique = list(dict.fromkeys(kinds))
    found, components = msgspec.json.schema_components(unique, ref_template="#/components/schemas/{name}")
    return dict(zip(unique, found, strict=True)), dict(components)


def _operation(endpoint: Endpoint, schemas: dict[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": operation_id(endpoint),
        "summary": endpoint.about,
        "tags": [endpoint.topic],
        "parameters": [*_path_parameters(endpoint), *(_parameter(parameter) for parameter in endpoint.query)],
        "responses": {
            **{str(status): _response(status, kind, schemas) for status, kind in endpoint.answers.items()},
            **_refusals(endpoint, schemas),
        },
        "security": [] if endpoint.open else [{"access_token": []}],
    }
    if isinstance(endpoint.handle, Taking):
        content = {"application/json": {"schema": schemas[endpoint.handle.kind]}}
        operation["requestBody"] = {"required": not endpoint.handle.optional, "content": content}
    return operation


def operation_id(endpoint: Endpoint) -> str:
    """`get_rooms_room_messages`: unique, and a name in any language."""
    return re.sub(r"\W+", "_", f"{endpoint.method.lower()}{endpoint.path}").strip("_")


def _path_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "integer", "minimum": 1} if name == "seq" else {"type": "string"},
        }
        for name in _IN_PATH.findall(endpoint.path)
    ]


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema = {"type": "integer" if parameter.kind is int else "string"}
    return {"name": parameter.name, "in": "query", "description": parameter.about, "schema": schema}


def _response(status: int, kind: Any, schemas: dict[Any, Any]) -> dict[str, Any]:
    if kind is None:
        return {"description": "Done."}
    about = {200: "As asked.", 201: "Made."}.get(status, "As asked.")
    return {"description": about, "content": {"application/json": {"schema": schemas[kind]}}}


def _refusals(endpoint: Endpoint, schemas: dict[Any, Any]) -> dict[str, Any]:
    codes = {*_ALWAYS}
    if not endpoint.open:
        codes |= {Code.UNAUTHENTICATED, Code.TOKEN_EXPIRED, Code.SESSION_REVOKED}
    if _IN_PATH.search(endpoint.path):
        codes.add(Code.NOT_FOUND)
    if endpoint.path.startswith("/rooms/"):
        codes |= {Code.NOT_A_MEMBER, Code.FORBIDDEN}
    if endpoint.query or isinstance(endpoint.handle, Taking):
        codes |= {Code.VALIDATION_FAILED, Code.TOO_LARGE}
    by_status: dict[int, list[Code]] = {}
    for code in sorted(codes):
        by_status.setdefault(MEANING[code].status, []).append(code)
    return {
        str(status): {
            "description": ", ".join(f"`{code}`: {MEANING[code].title}" for code in found),
            "content": {CONTENT_TYPE: {"schema": schemas[Problem]}},
        }
        for status, found in sorted(by_status.items())
    }
