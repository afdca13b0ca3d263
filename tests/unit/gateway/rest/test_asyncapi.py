"""The published description of the socket says what the socket takes and gives."""

import json
import re

from services.gateway.rest.asyncapi import describe
from warren.contracts import socket


def test_every_op_of_the_contract_is_described() -> None:
    document = describe()
    names = {message["name"] for message in document["components"]["messages"].values()}
    assert {"hello", "send", "edit", "delete", "react", "read", "typing", "watch", "status", "sync", "ping"} <= names
    assert {"ready", "ack", "event", "error", "presence", "receipt", "notice", "reset", "reconnect", "pong"} <= names
    described = {kind.__name__ for kind in socket.ClientFrame.__args__}
    assert described <= set(document["components"]["messages"])


def test_every_reference_leads_somewhere() -> None:
    document = describe()
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
        found = document
        for part in reference.split("/"):
            found = found[part]
        assert found
