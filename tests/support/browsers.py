"""Chromium, and Warren's web client in it, by the handles that web/README.md lists."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Locator, Page, async_playwright, expect

from infra.deploy.install import apt
from tests.support.servers import PROJECT

PICTURES = PROJECT / "test-results" / "screenshots"
WAIT_MS = 15_000
VIEWPORT = {"width": 1280, "height": 800}
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


def chromium() -> str:
    """Where Debian's Chromium is; installed by apt when missing. Raises DeployError with the command to run."""
    found = shutil.which("chromium")
    if found is None:
        apt.install(["chromium"])
        found = shutil.which("chromium")
    assert found is not None, "`apt-get install chromium` put no `chromium` on the PATH"
    return found


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    expect.set_options(timeout=WAIT_MS)
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        try:
            yield opened
        finally:
            await opened.close()


@dataclass(frozen=True)
class Shown:
    """One message as the page shows it; `seq` None while it is not acknowledged."""

    seq: int | None
    nonce: str
    state: str
    body: str


class Tab:
    """One person's page, in a browser context of its own. `errors` holds what the page complained about."""

    def __init__(self, page: Page, app: str) -> None:
        self.page = page
        self.app = app
        self.errors: list[str] = []
        page.set_default_timeout(WAIT_MS)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    @classmethod
    async def open(cls, browser: Browser, app: str, path: str = "/", **options: Any) -> "Tab":
        context: BrowserContext = await browser.new_context(viewport=VIEWPORT, **options)  # type: ignore[arg-type]
        tab = cls(await context.new_page(), app)
        await tab.page.goto(f"{app}{path}")
        return tab

    def at(self, handle: str) -> Locator:
        return self.page.get_by_test_id(handle)

    # Accounts

    async def sign_up(self, username: str, password: str) -> None:
        await self.page.goto(f"{self.app}/sign-up")
        await self.fill("sign-up", username=username, email=f"{username}@example.com", password=password)
        await self.submit("sign-up")

    async def sign_in(self, login: str, password: str) -> None:
        await self.fill("sign-in", login=login, password=password)
        await self.submit("sign-in")

    async def fill(self, form: str, **values: str) -> None:
        for name, value in values.items():
            await self.at(form).locator(f"[name={name}]").fill(value)

    async def submit(self, form: str) -> None:
        await self.at(form).get_by_test_id("submit").click()

    async def is_connected(self) -> None:
        await expect(self.page.locator('[data-testid=shell][data-link="ready"]')).to_be_visible()

    # Rooms

    async def new_group(self, name: str, *usernames: str) -> str:
        """Make a group with these people; its id."""
        await self.at("new-room").click()
        await self.at("new-group").click()
        await self.fill("new-room-form", name=name)
        await self._choose(*usernames)
        return await self._created()

    async def new_direct(self, username: str) -> str:
        await self.at("new-room").click()
        await self.at("new-direct").click()
        await self._choose(username)
        return await self._created()

    async def _choose(self, *usernames: str) -> None:
        for username in usernames:
            await self.at("people-search").fill(username)
            await self.page.locator(f'[data-testid=person][data-username="{username}"]').click()

    async def _created(self) -> str:
        await self.at("create-room").click()
        await expect(self.at("new-room-form")).to_have_count(0)
        await expect(self.at("room")).to_be_visible()
        return str(await self.at("room").get_attribute("data-room"))

    def item(self, room: str) -> Locator:
        """A room's line in the list."""
        return self.page.locator(f'[data-testid=room-item][data-room="{room}"]')

    async def open_room(self, room: str) -> None:
        await self.item(room).click()
        await expect(self.page.locator(f'[data-testid=room][data-room="{room}"]')).to_be_visible()
        await expect(self.page.locator('[data-testid=timeline][data-loaded="true"]')).to_be_visible()

    # Messages

    async def write(self, body: str) -> None:
        await self.at("composer").fill(body)
        await self.at("composer").press("Enter")

    def message(self, body: str, state: str | None = None) -> Locator:
        """A message by its text, and by the mark on it."""
        rows = self.page.locator(f"[data-testid=message]{f'[data-state={state}]' if state else ''}")
        return rows.filter(has=self.page.get_by_test_id("message-body").get_by_text(body, exact=True))

    async def sees(self, body: str, state: str | None = None, seconds: float = WAIT_MS / 1000) -> None:
        await expect(self.message(body, state)).to_have_count(1, timeout=seconds * 1000)

    async def messages(self) -> list[Shown]:
        """All messages on the page, from top to bottom."""
        rows = await self.at("message").evaluate_all(
            """rows => rows.map(row => [row.dataset.seq ?? null, row.dataset.nonce, row.dataset.state,
               row.querySelector('[data-testid=message-body]').innerText])"""
        )
        return [Shown(int(seq) if seq else None, nonce, state, body) for seq, nonce, state, body in rows]

    async def picture(self, name: str) -> Path:
        """A screenshot in test-results/screenshots."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        path = PICTURES / f"{name}.png"
        await self.page.screenshot(path=path, animations="disabled")
        return path
