"""People at Warren's web client, each in a browser context of their own."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Browser

from tests.support import browsers
from tests.support.browsers import Tab
from tests.support.stack import Stack

PASSWORD = "correct horse battery"


@dataclass
class Person:
    """Somebody signed up, at their page."""

    username: str
    tab: Tab


@dataclass
class Office:
    """Opens pages of Warren; the pages must not have had errors at the end of the test."""

    stack: Stack
    browser: Browser
    tabs: list[Tab] = field(default_factory=list)

    async def tab(self, path: str = "/") -> Tab:
        """A page in a fresh context: nobody is signed in."""
        opened = await Tab.open(self.browser, self.stack.app, path)
        self.tabs.append(opened)
        return opened

    async def person(self, name: str) -> Person:
        """Somebody new, signed up in the browser and connected."""
        tab, username = await self.tab("/sign-up"), f"{name}-{secrets.token_hex(3)}"
        await tab.sign_up(username, PASSWORD)
        await tab.is_connected()
        return Person(username, tab)

    async def two(self, room: str) -> tuple[Tab, Tab, str]:
        """Two people who have the same group open, and its id."""
        ada, bob = await self.person("ada"), await self.person("bob")
        made = await ada.tab.new_group(room, bob.username)
        await bob.tab.open_room(made)
        return ada.tab, bob.tab, made


@pytest.fixture
async def office(stack: Stack) -> AsyncIterator[Office]:
    async with browsers.browser() as browser:
        made = Office(stack, browser)
        yield made
        errors = [error for tab in made.tabs for error in tab.errors]
    assert not errors, errors
