"""`python -I -S alive.py PORT`: the health check of a service's container; 0 when GET /health/ready answers 200.

It imports nothing but socket, and -I -S keep the interpreter's start short: it runs all the time, in every container.
"""

import socket
import sys


def ready(port: int, path: str = "/health/ready", timeout: float = 4.0) -> bool:
    """Whether the service on this machine's `port` says that it is ready, within `timeout` seconds."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            status = connection.makefile("rb").readline(256).split()
    except OSError:
        return False
    return len(status) > 1 and status[1] == b"200"


if __name__ == "__main__":
    sys.exit(0 if ready(int(sys.argv[1])) else 1)
