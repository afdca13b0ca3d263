"""Takes the picture of the README: `python -m tests.browser.screenshot`. Starts a Warren of its own, as tests do."""

import asyncio

from playwright.async_api import Browser

from tests.support import browsers, stack
from tests.support.browsers import Tab
from tests.support.servers import PROJECT

PICTURE = PROJECT / "docs" / "screenshot.png"
PASSWORD = "correct horse battery"
TALK = [
    ("maya", "Morning. The seedlings survived the frost, all forty of them!"),
    ("jonas", "All forty? I owe you a coffee."),
    ("jonas", "I put the plan for Saturday here: https://example.org/garden/plan"),
    ("maya", "Looks good. Can we start with the compost? It needs two people, and Priya brings the van at ten."),
    ("jonas", "Then I will be there at nine with gloves and rolls."),
    ("maya", "Cinnamon rolls?"),
    ("jonas", "Is there any other kind?"),
    ("maya", "That settles it. See you at nine!"),
]


async def take(browser: Browser, app: str) -> None:
    people = {name: await Tab.open(browser, app, "/sign-up", locale="en-GB") for name in ("maya", "jonas", "priya")}
    for name, tab in people.items():
        await tab.sign_up(name, PASSWORD)
        await tab.is_connected()
    maya, jonas, priya = people.values()

    for tab, room, others, said in (
        (maya, "Neighbours", ["jonas", "priya"], "The hall is ours on the first Monday of every month."),
        (priya, "Recipes", ["maya", "jonas"], "Pumpkin soup, as promised: roast it first, that is the whole trick."),
    ):
        await tab.new_group(room, *others)
        await tab.write(said)
        await tab.sees(said, "sent")
    garden = await maya.new_group("Community garden", "jonas", "priya")
    await jonas.open_room(garden)
    for name, body in TALK:
        await people[name].write(body)
        for tab in (maya, jonas):
            await tab.sees(body)
    await priya.new_direct("maya")
    for body in ("Is the van still fine for Saturday?", "I can be there at ten."):
        await priya.write(body)
        await priya.sees(body, "sent")
    await maya.message(TALK[-1][1], "sent").wait_for()
    await maya.page.mouse.move(640, 790)
    await jonas.at("composer").press_sequentially("I will", delay=40)
    await maya.at("typing").get_by_text("typing").wait_for()
    PICTURE.parent.mkdir(exist_ok=True)
    await maya.page.screenshot(path=PICTURE, animations="disabled")


async def main(app: str) -> None:
    async with browsers.browser() as browser:
        await take(browser, app)


if __name__ == "__main__":
    with stack.running() as warren:
        asyncio.run(main(warren.app))
