"""What a client writes down of an event that came to it."""

import time
import zlib
from typing import Any

import msgspec

from tests.faults import records

_encode = msgspec.json.Encoder().encode


def event(device: str, connection: int, frame: Any, source: str, shown: bool, at: float | None = None) -> records.Event:
    """`frame`: the event object as it came. `at`: when, if that was not just now."""
    message, state, fixed = frame.get("message"), None, dict(frame)
    if message is not None:  # edits change what a message.created looks like to those who read it later
        pairs = sorted((emoji, user) for emoji, users in message["reactions"].items() for user in users)
        state = records.MessageState(records.short(message["body"]), message["deleted"], pairs)
        fixed["message"] = {key: message[key] for key in ("sender", "nonce", "n", "at", "seq")}
    return records.Event(
        time.monotonic() if at is None else at,
        device,
        connection,
        frame["room"],
        frame["seq"],
        frame["type"],
        frame["at"],
        f"{zlib.crc32(_encode(fixed)):08x}",
        shown,
        source,
        message["nonce"] if message else None,
        state,
        records.short(frame["body"]) if "body" in frame else None,
        frame.get("target"),
        frame.get("user"),
        frame.get("emoji"),
        frame.get("on"),
    )
