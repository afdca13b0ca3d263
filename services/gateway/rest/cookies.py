"""Pure: the cookie that keeps a browser's refresh token out of the reach of scripts."""

from urllib.parse import urlsplit

NAME = "warren_refresh"
PATH = "/api/v1/auth"
_LOCAL = ("localhost", "127.0.0.1", "::1")


def is_secure(scheme: str, host: str, *, development: bool) -> bool:
    """Must the cookie travel over TLS only?

    Yes, except over plain http while developing or on the machine itself, where there is no network to listen on and
    some browsers drop `Secure` cookies. Plain http from elsewhere in production gets no cookie that works.
    `scheme` is what the browser used, as nginx says in X-Forwarded-Proto.
    """
    if scheme == "https":
        return True
    return not (development or urlsplit(f"//{host}").hostname in _LOCAL)


def render(token: str, *, max_age: int, secure: bool) -> str:
    """The value of Set-Cookie. An empty token with `max_age` 0 removes the cookie."""
    parts = [f"{NAME}={token}", f"Path={PATH}", f"Max-Age={max_age}", "HttpOnly", "SameSite=Strict"]
    return "; ".join([*parts, "Secure"] if secure else parts)
