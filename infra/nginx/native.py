"""nginx for native mode: own prefix and temporary folders in the run directory, and what tells it of gateways."""

import json
import math
import os
import resource
import shutil
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.consul import native as consul_native
from infra.deploy.ports import Ports
from infra.deploy.program import Program
from infra.deploy.run_dir import PROJECT, RunDir
from infra.nginx.discovery import Gateway, render

HERE = Path(__file__).parent
MOST_FILES = 65536
SPARE_FILES = 64
"""Files of a worker besides its connections: logs, listening sockets, pages being sent."""

FILES_OF_ALL = 2 * 32_768
"""For so many clients: a client's socket counts as two, its other end at the gateway too."""
MOST_WORKERS = 16
UPSTREAMS = "nginx-upstreams.conf"


def executable() -> str | None:
    """nginx; a user's PATH often lacks the folder it is in."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def expect_gateways(run: RunDir, ports: Ports, gateways: int) -> None:
    """Write the upstreams for so many gateways: what nginx serves until Consul knows better."""
    expected = [Gateway("127.0.0.1", ports.service("gateway", index), ports.socket(index)) for index in range(gateways)]
    run.write_conf(UPSTREAMS, render(expected))


def programs(run: RunDir, ports: Ports, nginx: str, listen: str) -> list[Program]:
    """`listen`: the address to listen on. The upstreams have to be there before these start."""
    prefix, upstreams = run.data("nginx"), run.conf / UPSTREAMS
    conf = run.write_conf("nginx.conf", render_conf(run, ports, listen, upstreams))
    command = [nginx, "-p", str(prefix), "-c", str(conf), "-e", "stderr"]
    return [
        Program("nginx", command, ports={ports.app: "the app (nginx)"}, open_files=MOST_FILES, stop_seconds=10),
        Program(
            "nginx-discovery",
            [sys.executable, "-m", "infra.nginx.discovery"],
            environment={
                "CONSUL_HTTP_ADDR": consul_native.address(ports),
                "NGINX_UPSTREAMS": str(upstreams),
                "NGINX_COMMAND": json.dumps(command),
                "PYTHONUNBUFFERED": "1",
            },
            directory=PROJECT,
            stop_seconds=5,
        ),
    ]


def render_conf(run: RunDir, ports: Ports, listen: str, upstreams: Path) -> str:
    files = most_files()
    data = run.data("nginx")
    temporary = "".join(
        f'    {kind}_temp_path "{run.folder("data", "nginx", kind)}";\n'
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = f"user {worker_user([PROJECT / 'web', data])};\n" if os.geteuid() == 0 else ""
    listens = "".join(
        f"        listen {address}:{ports.app} backlog=4096 reuseport;\n" for address in listen_addresses(listen)
    )
    return f"""\
daemon off;
{user}worker_processes {workers(files)};
worker_rlimit_nofile {files};
worker_shutdown_timeout 30m;
pid "{data}/nginx.pid";
error_log stderr warn;

events {{
    worker_connections {files - SPARE_FILES};
    multi_accept on;
}}

http {{
    types {{
        text/html html; text/css css; text/javascript js mjs; application/json json map; text/plain txt;
        image/svg+xml svg; image/png png; image/jpeg jpg jpeg; image/webp webp; image/x-icon ico; image/gif gif;
        font/woff2 woff2; font/woff woff; application/manifest+json webmanifest; application/wasm wasm;
    }}
    default_type application/octet-stream;
    charset utf-8;
{temporary}
    include "{HERE}/http.conf";
    access_log /dev/stdout warren buffer=32k flush=1s;
    include "{upstreams}";

    server {{
{listens}        server_name _;
        root "{PROJECT}/web/dist";
        include "{HERE}/locations.conf";
    }}
}}
"""


def most_files() -> int:
    """How many files a worker may open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_FILES if hard == resource.RLIM_INFINITY else min(MOST_FILES, hard)


def workers(files: int) -> int:
    """One for each core, and as many as it takes to hold FILES_OF_ALL where each may only open a few files (up to 16).

    Each has a listening socket of its own (`reuseport`): the kernel spreads clients over them evenly. With one for all,
    one of two workers was full with 9,968 clients while the other had 3,400 (measured with 13,400 that came at once).
    """
    return max(os.cpu_count() or 1, min(MOST_WORKERS, math.ceil(FILES_OF_ALL / (files - SPARE_FILES))))


def worker_user(folders: Sequence[Path]) -> str:
    """As root: the user of the workers. www-data where it can reach `folders`, else root (in a private folder)."""
    reachable = all(
        parent.stat().st_mode & 0o001 for folder in folders if folder.exists() for parent in [folder, *folder.parents]
    )
    return "www-data" if reachable else "root"


def listen_addresses(listen: str) -> list[str]:
    """Addresses for `listen` directives: on loopback both families, as browsers ask for localhost by either."""
    if listen in ("0.0.0.0", "::"):  # noqa: S104 - what whoever starts Warren asked for
        return [f"[{listen}]" if ":" in listen else listen]
    if listen != "127.0.0.1":  # loopback too: the check at start asks there
        return [f"[{listen}]" if ":" in listen else listen, "127.0.0.1"]
    return ["127.0.0.1", "[::1]"] if _has_ipv6_loopback() else ["127.0.0.1"]


def _has_ipv6_loopback() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
