"""The refresh cookie."""

import pytest

from services.gateway.rest.cookies import is_secure, render


@pytest.mark.parametrize(
    ("scheme", "host", "development", "secure"),
    [
        ("https", "chat.example.org", False, True),
        ("https", "localhost:3000", True, True),
        ("http", "chat.example.org", False, True),
        ("http", "localhost.example.org", False, True),
        ("http", "", False, True),
        ("http", "localhost:3000", False, False),
        ("http", "127.0.0.1:3000", False, False),
        ("http", "[::1]:3000", False, False),
        ("http", "chat.example.org", True, False),
    ],
)
def test_only_plain_http_at_home_goes_without_secure(scheme: str, host: str, development: bool, secure: bool) -> None:
    assert is_secure(scheme, host, development=development) is secure


def test_scripts_and_other_sites_cannot_use_it() -> None:
    attributes = render("token", max_age=60, secure=True).split("; ")
    assert attributes[0] == "warren_refresh=token"
    assert set(attributes[1:]) == {"Path=/api/v1/auth", "Max-Age=60", "HttpOnly", "SameSite=Strict", "Secure"}


def test_signing_out_removes_it() -> None:
    assert "warren_refresh=; " in render("", max_age=0, secure=False)
    assert "Max-Age=0" in render("", max_age=0, secure=False)
