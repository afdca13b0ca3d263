"""The other gateways: is one of them well?

Consul says which there are. How they are is asked of themselves: Consul's view is seconds old, and when the broker
restarts, whoever believes it would send all sockets to gateways that are as badly off.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable

import consul
import requests

from warren.chassis.telemetry import get_logger

ASKED = 3
"""So many of them, chosen at random, are enough to know."""

ASK_SECONDS = 1.0
OK = 200
log = get_logger("others")
Address = tuple[str, int]
"""Host, and the port of health."""


class Others:
    """`listed` asks Consul; what it said last is kept for when it cannot be reached."""

    def __init__(self, listed: Callable[[], Awaitable[list[Address]]]) -> None:
        self._listed = listed
        self._known: list[Address] | None = None

    async def refresh(self) -> None:
        """Ask Consul who is there."""
        try:
            self._known = await self._listed()
        except (consul.ConsulException, requests.RequestException) as error:
            log.info(
                "Consul does not say which gateways there are; going by what it said before", error=str(error)[:200]
            )

    async def any_well(self) -> bool | None:
        """True: one of them is ready. False: there are none, or none that answers is. None: nobody can be asked."""
        await self.refresh()
        if self._known is None:
            return None
        chosen = random.sample(self._known, min(ASKED, len(self._known)))
        answers = await asyncio.gather(*(asyncio.to_thread(_is_ready, *address) for address in chosen))
        if True in answers:
            return True
        return None if chosen and set(answers) == {None} else False


def _is_ready(host: str, port: int) -> bool | None:
    """None: it cannot be reached."""
    with requests.Session() as session:
        session.trust_env = False  # a proxy for the internet is not the way to a neighbour
        try:
            return session.get(f"http://{host}:{port}/health/ready", timeout=ASK_SECONDS).status_code == OK
        except requests.RequestException:
            return None
