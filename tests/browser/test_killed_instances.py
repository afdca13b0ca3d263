"""A gateway dies, then the owner of the room, while two browsers chat through nginx: both hardly notice."""

import asyncio
import time
from itertools import count

from tests.browser.conftest import Office
from tests.support.browsers import Tab
from tests.support.owner import owner_among, writes
from tests.support.stack import metric

GOES_ON_SECONDS = 5.0


class Talk:
    """Two pages whose people write in turns; each message has to be marked `sent` and to be at the other page."""

    def __init__(self, first: Tab, second: Tab) -> None:
        self.tabs = (first, second)
        self.said: list[str] = []
        self._numbers = count(1)

    async def exchange(self, seconds: float = GOES_ON_SECONDS) -> float:
        """Both write at the same moment; the seconds until both messages are everywhere."""
        begun, number = time.monotonic(), next(self._numbers)
        bodies = [f"{name} {number}" for name in ("Ada", "Bob")]
        self.said += bodies
        await asyncio.gather(*(tab.write(body) for tab, body in zip(self.tabs, bodies, strict=True)))
        for tab, other, body in zip(self.tabs, reversed(self.tabs), bodies, strict=True):
            await tab.sees(body, "sent", seconds)
            await other.sees(body, seconds=seconds)
        return time.monotonic() - begun

    async def check(self) -> None:
        """Nothing lost, nothing twice, one order."""
        first, second = [await tab.messages() for tab in self.tabs]
        assert [(each.seq, each.nonce, each.body) for each in first] == [
            (each.seq, each.nonce, each.body) for each in second
        ]
        assert sorted(each.body for each in first) == sorted(self.said)
        seqs = [each.seq for each in first if each.seq is not None]
        assert seqs == list(range(seqs[0], seqs[0] + len(self.said)))


async def test_both_keep_chatting_when_a_gateway_and_then_the_owner_of_the_room_is_killed(office: Office) -> None:
    before = await writes(office.stack)
    ada, bob, _ = await office.two("Harvest")
    for tab in (ada, bob):
        await tab.page.evaluate("window.sameDocument = true")
    talk = Talk(ada, bob)
    for _ in range(3):
        await talk.exchange()
    owner = await owner_among(office.stack, before)

    for victim in (await serving_gateway(office), owner):
        pid = office.stack.kill(victim)
        for _ in range(3):
            assert await talk.exchange() < GOES_ON_SECONDS, f"after {victim} was killed"
        await office.stack.back(victim, pid)
        await talk.exchange()
    await talk.check()
    for tab in (ada, bob):
        assert await tab.page.evaluate("window.sameDocument") is True
    await ada.picture("after-kills")


async def serving_gateway(office: Office) -> str:
    """A gateway that holds the socket of one of the pages."""
    for gateway in office.stack.gateways:
        if await asyncio.to_thread(metric, gateway.url, "warren_connections") > 0:
            return gateway.id
    raise AssertionError("no gateway has a connection")
