"""The auth service: accounts, credentials, tokens, sessions. Callers: gateways."""

from msgspec import Struct

from warren.contracts.rest import SelfUser, SignedIn, User
from warren.contracts.rpc import Method, Nothing


class Register(Struct):
    """Refused with `conflict` when username or email is taken, `validation_failed` when a field is bad."""

    username: str
    email: str
    password: str
    device: str | None = None


class Login(Struct):
    """`login` is a username or an email. Refused with `unauthenticated`, alike for an unknown login and a
    wrong password."""

    login: str
    password: str
    totp: str | None = None
    device: str | None = None


class Refresh(Struct):
    """Rotates. Refused with `unauthenticated` (unknown), `session_revoked` (ended, or a reused token)."""

    refresh_token: str


class Logout(Struct):
    """Ends the session. Idempotent."""

    user: str
    session: str


class CheckSession(Struct):
    """Is this session alive? Rebuilds it in Redis from its durable record if Redis has lost it.

    Refused with `session_revoked` when it has ended.
    """

    user: str
    session: str


class SessionState(Struct):
    """`expires_at` in seconds since 1970."""

    user: str
    session: str
    expires_at: int


class GetUser(Struct):
    """The user as they see themselves. Refused with `not_found`."""

    user: str


class GetUsers(Struct):
    """Public objects of up to 1,000 users; unknown ids are left out."""

    users: list[str]


class Users(Struct):
    users: list[User]


class FindUsers(Struct):
    """Users whose username or display name starts with `query` ("" = all), by username after `cursor`."""

    query: str
    cursor: str | None
    limit: int


class UserPage(Struct):
    users: list[User]
    next: str | None


REGISTER = Method("auth.register", Register, SignedIn, idempotent=False, secret=True)
LOGIN = Method("auth.login", Login, SignedIn, idempotent=False, secret=True)
REFRESH = Method("auth.refresh", Refresh, SignedIn, idempotent=False, secret=True)
LOGOUT = Method("auth.logout", Logout, Nothing, idempotent=True)
CHECK_SESSION = Method("auth.check_session", CheckSession, SessionState, idempotent=True)
GET_USER = Method("auth.get_user", GetUser, SelfUser, idempotent=True)
GET_USERS = Method("auth.get_users", GetUsers, Users, idempotent=True)
FIND_USERS = Method("auth.find_users", FindUsers, UserPage, idempotent=True)


class AccessClaims(Struct):
    """Claims of an access token (HS256, `typ` = "access"). `exp` and `iat` in seconds since 1970."""

    sub: str
    sid: str
    jti: str
    iss: str
    aud: str
    exp: int
    iat: int
    typ: str


ISSUER = "warren"
AUDIENCE = "warren"
ACCESS_SECONDS = 15 * 60


def session_key(session: str) -> str:
    """Redis hash of a live session: fields `user`, `expires_at` (seconds since 1970). Every gateway reads it."""
    return f"session:{session}"
