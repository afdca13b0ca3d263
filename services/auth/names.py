"""Pure rules: what a username, an email and a password may be. Each function returns the value as it is kept."""

import re
import unicodedata

from warren.contracts import limits
from warren.contracts.errors import Code, FieldError, Refusal

_USERNAME = re.compile(limits.USERNAME_PATTERN)
_EMAIL = re.compile(limits.EMAIL_PATTERN)


class NewAccount:
    """The checked fields of a registration. Raises `validation_failed` with every bad field, not only the first."""

    def __init__(self, username: str, email: str, password: str, device: str | None) -> None:
        errors = [
            error
            for error in (_username_error(username), _email_error(email), _password_error(password))
            if error is not None
        ]
        if errors:
            names = ", ".join(error.field for error in errors)
            raise Refusal(Code.VALIDATION_FAILED, f"Change these fields: {names}.", errors=tuple(errors))
        self.username = username_key(username)
        self.display_name = nfc(username).strip()
        self.email = nfc(email).strip()
        self.password = nfc(password)
        self.device = device_name(device)


def nfc(text: str) -> str:
    """The same characters typed on different keyboards must be the same text."""
    return unicodedata.normalize("NFC", text)


def username_key(username: str) -> str:
    return nfc(username).strip().lower()


def email_key(email: str) -> str:
    """Emails that differ only in case are the same account."""
    return nfc(email).strip().casefold()


def device_name(device: str | None) -> str | None:
    """What a session is called in the list of sessions: printable, cut to its bound."""
    if device is None:
        return None
    return "".join(c for c in nfc(device) if c.isprintable())[: limits.DEVICE_CHARACTERS] or None


def _username_error(username: str) -> FieldError | None:
    if username.isascii() and _USERNAME.fullmatch(username_key(username)):
        return None
    return FieldError(
        "username", "3 to 32 letters a-z, digits, dot, dash or underscore; it starts and ends with a letter or digit"
    )


def _email_error(email: str) -> FieldError | None:
    kept = nfc(email).strip()
    if kept.isprintable() and _EMAIL.fullmatch(kept):
        return None
    return FieldError("email", "an email address such as name@example.org")


def _password_error(password: str) -> FieldError | None:
    least, most = limits.PASSWORD_CHARACTERS
    if least <= len(nfc(password)) <= most:
        return None
    return FieldError("password", f"{least} to {most} characters")
