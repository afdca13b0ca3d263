"""Pure: the AsyncAPI 3 description of `/ws`, from the frames that the code itself uses."""

from typing import Any

import msgspec

from services.gateway.rest.openapi import VERSION
from warren.contracts import socket
from warren.contracts.errors import CloseCode

_CLIENT: tuple[type[msgspec.Struct], ...] = socket.ClientFrame.__args__
_SERVER: tuple[type[msgspec.Struct], ...] = (
    *(socket.Ready, socket.Ack, socket.Done, socket.Error, socket.Event, socket.TypingNews, socket.PresenceNews),
    *(socket.Receipt, socket.ReadNews, socket.RoomAdded, socket.SessionEnded, socket.Reset, socket.Reconnect),
    socket.Pong,
)


def describe() -> dict[str, Any]:
    """The document as JSON values."""
    kinds = [*_CLIENT, *_SERVER]
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    found = dict(zip(kinds, schemas, strict=True))
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Warren socket",
            "version": VERSION,
            "description": (
                f"Subprotocol {socket.SUBPROTOCOL}; one JSON object a text frame, or an array of them from the server "
                f"when hello said `batch`. The client speaks first, with hello. Close codes: {_close_codes()}."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "channels": {"ws": {"address": "/ws", "messages": {kind.__name__: _reference(kind) for kind in kinds}}},
        "operations": {
            "fromClient": _operation("receive", _CLIENT),
            "toClient": _operation("send", _SERVER),
        },
        "components": {
            "messages": {kind.__name__: _message(kind, found[kind]) for kind in kinds},
            "schemas": dict(components),
        },
    }


def _message(kind: type[msgspec.Struct], schema: Any) -> dict[str, Any]:
    return {
        "name": kind.__struct_config__.tag,
        "summary": (kind.__doc__ or "").partition("\n")[0],
        "contentType": "application/json",
        "payload": schema,
    }


def _reference(kind: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": f"#/components/messages/{kind.__name__}"}


def _operation(action: str, kinds: tuple[type[msgspec.Struct], ...]) -> dict[str, Any]:
    messages = [{"$ref": f"#/channels/ws/messages/{kind.__name__}"} for kind in kinds]
    return {"action": action, "channel": {"$ref": "#/channels/ws"}, "messages": messages}


def _close_codes() -> str:
    codes = {name: code for name, code in vars(CloseCode).items() if isinstance(code, int)}
    return ", ".join(f"{code} {name.lower().replace('_', ' ')}" for name, code in codes.items())
