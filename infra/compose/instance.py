"""`python -m infra.compose.instance gateway`: gives a container its SERVER_ID, then becomes the service.

All containers of a service are made from one description, so none can be told its name there. Docker's DNS knows
it: the address of a container leads back to `warren-gateway-2.warren_default`, which makes `gateway-2`, the same
name as before when the container is made again. Where the engine's DNS does not answer so, the host name serves.
"""

import os
import re
import resource
import socket
import sys
from typing import NoReturn

from infra.compose import reverse_dns

SERVICES = ("auth", "presence", "messaging", "gateway")


def server_id(service: str, container: str | None, hostname: str) -> str:
    """The instance's name.

    container: the container's name as Docker's DNS tells it, None when it does not.
    hostname: the container's host name, which is its short id unless someone chose another.

    >>> server_id("gateway", "warren-gateway-2.warren_default", "0f2c5d9b8a71")
    'gateway-2'
    >>> server_id("gateway", None, "0f2c5d9b8a71")
    'gateway-0f2c5d9b8a71'
    """
    if container is not None:
        found = re.fullmatch(rf".*[-_]{service}[-_](\d+)", container.partition(".")[0])
        if found is not None:
            return f"{service}-{found[1]}"
    return f"{service}-{hostname}"


def container_name(hostname: str) -> str | None:
    try:
        return reverse_dns.name_of(socket.gethostbyname(hostname))
    except (OSError, reverse_dns.NoName):
        return None


def main(arguments: list[str]) -> NoReturn:
    if len(arguments) != 1 or arguments[0] not in SERVICES:
        print(f"usage: python -m infra.compose.instance {'|'.join(SERVICES)}", file=sys.stderr)
        sys.exit(2)
    service, hostname = arguments[0], socket.gethostname()
    if not os.environ.get("SERVER_ID"):
        os.environ["SERVER_ID"] = server_id(service, container_name(hostname), hostname)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a socket is a file, and a gateway holds many
    os.execv(sys.executable, [sys.executable, "-m", f"services.{service}"])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
