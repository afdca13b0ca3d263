"""Which messaging instance owns a room now."""

import asyncio

from tests.support.stack import Stack, metric

WRITES = "warren_writes_total"


async def writes(stack: Stack) -> dict[str, float]:
    """How often each messaging instance wrote to the log so far."""
    urls = {instance: stack.url(instance) for instance in stack.ids("messaging")}
    found = await asyncio.gather(*(asyncio.to_thread(metric, url, WRITES) for url in urls.values()))
    return dict(zip(urls, found, strict=True))


async def owner_among(stack: Stack, before: dict[str, float]) -> str:
    """The instance that wrote since `before`, when only one room was written to."""
    after = await writes(stack)
    wrote = [instance for instance in after if after[instance] > before[instance]]
    assert len(wrote) == 1, f"expected one writer: {before} then {after}"
    return wrote[0]
