"""Asks the engine's DNS for the name behind an address.

The system's resolver is of no use for that: it finds the address in /etc/hosts, with the host name, and stops there.
"""

import ipaddress
import re
import socket
import struct
from pathlib import Path

PTR, INTERNET = 12, 1
ID = 0x5741
_HEADER = struct.Struct(">6H")  # id, flags, and the numbers of questions, answers, authorities, additional records
_RECORD = struct.Struct(">HHIH")  # type, class, time to live, length of the data


class NoName(Exception):
    """No DNS server is known, none answered, or its answer has no name."""


def name_of(address: str, timeout: float = 1.0) -> str:
    """The name that the first DNS server of this machine knows `address` by. Raises NoName."""
    try:
        server = nameserver(Path("/etc/resolv.conf").read_text())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
            connection.settimeout(timeout)
            connection.connect((server, 53))
            connection.send(question(address))
            return first_name(connection.recv(4096))
    except (OSError, IndexError, struct.error) as error:
        raise NoName(f"DNS does not tell the name of {address}: {error}") from error


def nameserver(resolv_conf: str) -> str:
    """The first IPv4 server of a resolv.conf. Raises NoName."""
    found = re.search(r"^nameserver\s+([0-9.]+)\s*$", resolv_conf, re.MULTILINE)
    if found is None:
        raise NoName("/etc/resolv.conf names no server")
    return found[1]


def question(address: str) -> bytes:
    """A query for the PTR record of `address`."""
    labels = ipaddress.ip_address(address).reverse_pointer.split(".")
    name = b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"
    return _HEADER.pack(ID, 0x0100, 1, 0, 0, 0) + name + struct.pack(">HH", PTR, INTERNET)


def first_name(answer: bytes) -> str:
    """The name in the first PTR record of an answer.

    Raises NoName when it has none, IndexError or struct.error when it is cut short.
    """
    identity, _, questions, answers, _, _ = _HEADER.unpack_from(answer)
    if identity != ID:
        raise NoName("an answer to another question")
    at = _HEADER.size
    for _ in range(questions):
        at = _read_name(answer, at)[1] + 4
    for _ in range(answers):
        at = _read_name(answer, at)[1]
        kind, _, _, length = _RECORD.unpack_from(answer, at)
        at += _RECORD.size
        if kind == PTR:
            return _read_name(answer, at)[0]
        at += length
    raise NoName("the answer has no name")


def _read_name(message: bytes, at: int) -> tuple[str, int]:
    """The name that starts at `at`, and where what follows it starts. A name may end in a pointer to an earlier one."""
    labels: list[str] = []
    following = None
    while size := message[at]:
        if size >= 0xC0:
            pointer = struct.unpack_from(">H", message, at)[0] & 0x3FFF
            if pointer >= at:
                raise NoName("the answer's names run in a circle")
            following = following or at + 2
            at = pointer
        else:
            labels.append(message[at + 1 : at + 1 + size].decode("ascii", "replace"))
            at += 1 + size
    return ".".join(labels), following or at + 1
