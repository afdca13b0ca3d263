"""Every bound that a client can meet, with its unit."""

FRAME_BYTES = 64 * 1024
FRAME_FRAGMENTS = 16
BODY_CHARACTERS = 8_000
ATTACHMENTS = 16
# `$` alone would let a line feed at the end through; clients read these patterns too, so no \Z.
NONCE_PATTERN = r"^[A-Za-z0-9_-]{8,64}(?!\n)$"
ID_PATTERN = r"^[A-Za-z0-9_-]{1,64}(?!\n)$"

USERNAME_PATTERN = r"^[a-z0-9](?:[a-z0-9._-]{1,30})[a-z0-9]$"
EMAIL_PATTERN = r"^[^@\s]{1,64}@[^@\s]{1,190}$"
PASSWORD_CHARACTERS = (8, 256)
DISPLAY_NAME_CHARACTERS = 64
DEVICE_CHARACTERS = 128

ROOM_NAME_CHARACTERS = 80
ROOM_TOPIC_CHARACTERS = 500
ROOM_CREATE_MEMBERS = 1_000
ROOM_MEMBERS = 50_000
EMOJI_CHARACTERS = 32
MESSAGE_REACTIONS = 5_000
"""Of all users together: 32 messages and theirs are one document, which has to stay below 16 MiB."""
RECEIPT_MEMBERS = 20
"""Receipts are pushed in rooms up to this size: in larger ones they would be members squared for each message."""

PAGE_DEFAULT = 50
PAGE_MAX = 200
REQUEST_BYTES = 256 * 1024

HELLO_SECONDS = 10
HELLO_ROOMS = 5_000
HEARTBEAT_MS = 25_000
RESUME_EVENTS = 1_000
"""A client that missed more events of one room than this gets `reset` instead of the events."""
WATCH_USERS = 1_000
SOCKET_BUFFER_BYTES = 1024 * 1024
SOCKET_WRITE_SECONDS = 10
PENDING_SENDS = 256
"""Commands of one connection that may await their answer; past it `rate_limited`."""
