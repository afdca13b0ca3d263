"""Keeps nginx's list of gateways as Consul has it: `python -m infra.nginx.discovery`.

The free nginx resolves names only when it loads its configuration (before 1.27.3), so this program waits for changes of
the service `gateway` in Consul, writes the upstreams anew and has nginx load them.

A gateway that appears is added at once. One that is gone is dropped only after it stayed away for a while: nginx itself
skips it meanwhile, and most come back in seconds, so that a restart costs no reload.

Environment: CONSUL_HTTP_ADDR; NGINX_UPSTREAMS, the file to write; NGINX_COMMAND, how to call nginx (JSON list).
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import consul
import requests

from infra.deploy.run_dir import write_private
from infra.deploy.status import consul_client

LINGER_SECONDS = 10.0
START_SECONDS = 60.0
WAIT = "5s"
RETRY_SECONDS = 1.0

_SERVER = re.compile(r"server (\S+):(\d+) ")


@dataclass(frozen=True, order=True)
class Gateway:
    """Where one gateway serves REST (`port`) and sockets (`socket_port`)."""

    address: str
    port: int
    socket_port: int


@dataclass
class Members:
    """The gateways nginx should know. Never empty once it had one: an upstream without servers is an error to nginx."""

    last_seen: dict[Gateway, float] = field(default_factory=dict)

    def update(self, seen: Iterable[Gateway], now: float) -> list[Gateway]:
        """`seen` are the ones that pass their checks at `now` (seconds); returns the list to serve, in order."""
        self.last_seen.update({gateway: max(now, self.last_seen.get(gateway, now)) for gateway in seen})
        fresh = {gateway: at for gateway, at in self.last_seen.items() if now - at < LINGER_SECONDS}
        if fresh:
            self.last_seen = fresh
        return sorted(self.last_seen)


def render(gateways: Sequence[Gateway]) -> str:
    """The two upstreams. A server that fails twice is left alone for two seconds."""

    def servers(ports: Iterable[tuple[str, int]]) -> str:
        return "".join(f"    server {address}:{port} max_fails=2 fail_timeout=2s;\n" for address, port in ports)

    return (
        "upstream gateways {\n    zone gateways 128k;\n    least_conn;\n"
        + servers((gateway.address, gateway.port) for gateway in gateways)
        + "    keepalive 32;\n    keepalive_timeout 55s;\n}\n"
        + "upstream gateway_sockets {\n    zone gateway_sockets 128k;\n    least_conn;\n"
        + servers((gateway.address, gateway.socket_port) for gateway in gateways)
        + "}\n"
    )


def parse(text: str) -> list[Gateway]:
    """The gateways of what `render` wrote."""
    sockets_from = text.index("upstream gateway_sockets")
    rest, sockets = (_SERVER.findall(part) for part in (text[:sockets_from], text[sockets_from:]))
    return [
        Gateway(address, int(port), int(socket_port))
        for (address, port), (_, socket_port) in zip(rest, sockets, strict=True)
    ]


def gateways_of(nodes: Iterable[Mapping[str, Any]]) -> list[Gateway]:
    """The gateways in an answer of Consul's health endpoint."""
    found = []
    for node in nodes:
        service = node["Service"]
        socket_port = (service.get("Meta") or {}).get("socket_port", "")
        if socket_port.isdigit():
            address = service["Address"] or node["Node"]["Address"]
            found.append(Gateway(address, service["Port"], int(socket_port)))
    return found


def watch(address: str, upstreams: Path, nginx: Sequence[str]) -> None:
    """Follow Consul for ever; while it does not answer, nginx keeps what it has."""
    client, members, index = consul_client(address), Members(), None
    # What nginx serves now is given the time to start: everything starts at once.
    members.update(parse(upstreams.read_text()), time.monotonic() + START_SECONDS)
    while True:
        try:
            index, nodes = client.health.service("gateway", passing=True, index=index, wait=WAIT)
        except (consul.ConsulException, requests.RequestException) as error:
            _log("consul_unavailable", reason=str(error))
            index = None
            time.sleep(RETRY_SECONDS)
            continue
        text = render(members.update(gateways_of(nodes), time.monotonic()))
        if text != upstreams.read_text():
            write_private(upstreams, text)
            _reload(nginx, gateways=len(members.last_seen))


def _reload(nginx: Sequence[str], gateways: int) -> None:
    done = subprocess.run([*nginx, "-s", "reload"], capture_output=True, text=True, check=False)
    _log(
        "nginx_reloaded" if done.returncode == 0 else "nginx_reload_failed", gateways=gateways, said=done.stderr.strip()
    )


def _log(event: str, **facts: object) -> None:
    print(json.dumps({"event": event, "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **facts}), flush=True)


def main() -> int:
    try:
        watch(
            os.environ["CONSUL_HTTP_ADDR"],
            Path(os.environ["NGINX_UPSTREAMS"]),
            json.loads(os.environ["NGINX_COMMAND"]),
        )
    except KeyError as error:
        print(f"discovery: {error.args[0]} is not set", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
