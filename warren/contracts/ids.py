"""Ids are opaque strings; this is how they are made, and how a room finds its partition."""

import hashlib
import secrets
import zlib


def new_id() -> str:
    """A random id of 128 bits, URL safe, 22 characters."""
    return secrets.token_urlsafe(16)


def direct_room_id(user: str, other: str) -> str:
    """The id of the direct room of two users: the same for the same pair, whoever asks."""
    pair = "\n".join(sorted((user, other))).encode()
    return "d" + hashlib.blake2b(pair, digest_size=15).hexdigest()


def partition_of(room: str, partitions: int) -> int:
    """The partition that owns a room: `crc32(room) % partitions`."""
    return zlib.crc32(room.encode()) % partitions
