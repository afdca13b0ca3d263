"""An event loop whose time jumps to the next thing that is due: hours of timers pass in milliseconds, always alike."""

import asyncio
import selectors
from typing import Any


class _Selector(selectors.SelectSelector):
    """Instead of waiting, moves the loop's time on."""

    loop: "VirtualTimeLoop"

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "the test waits for something that nothing is left to do"
            self.loop.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """`asyncio.sleep` and timers follow `time()`, which is not the machine's."""

    def __init__(self) -> None:
        self.now = 1_000.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now


async def ticks(count: int = 20) -> None:
    """Let everything that is ready run; no time passes."""
    for _ in range(count):
        await asyncio.sleep(0)


async def pass_time(seconds: float) -> None:
    """Let `seconds` of the loop's time pass."""
    await asyncio.sleep(seconds)
    await ticks()
