"""MessagePack between services, JSON to clients; decoders are made once for each type."""

from collections.abc import Hashable
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar, cast

import msgspec

T = TypeVar("T")

encode = msgspec.msgpack.Encoder().encode
encode_json = msgspec.json.Encoder().encode


@cache
def _decoder(kind: Any) -> "msgspec.msgpack.Decoder[Any]":
    return msgspec.msgpack.Decoder(kind)


@cache
def _json_decoder(kind: Any) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(kind)


def decode(body: bytes, kind: type[T]) -> T:
    """Decode MessagePack. Raises msgspec.DecodeError (and its ValidationError)."""
    result: T = _decoder(cast(Hashable, kind)).decode(body)
    return result


def decode_json(body: bytes, kind: type[T]) -> T:
    """Decode JSON. Raises msgspec.DecodeError (and its ValidationError)."""
    result: T = _json_decoder(cast(Hashable, kind)).decode(body)
    return result


def rfc3339(at: int) -> str:
    """Milliseconds since 1970 as RFC 3339 UTC with milliseconds: `2026-11-26T10:00:00.123Z`."""
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at % 1000:03d}Z"
