"""A client that does not read is closed as a slow consumer, holds nobody up, and gets everything afterwards."""

import asyncio

from tests.system.conftest import World
from warren.contracts.errors import CloseCode

BODY = "\u9ce5" * 8_000
"""24 KB, and as many characters as a body may have."""
MESSAGES = 600
"""14 MB: more than the system's buffers on both sides take."""
AT_ONCE = 50


async def test_a_client_that_stops_reading_is_closed_and_the_others_get_everything(world: World) -> None:
    ada, bob, cat = await world.people("ada", "bob", "cat")
    room = await ada.group(bob, cat)
    adas, bobs, cats = [await world.online(one, gateway=0) for one in (ada, bob, cat)]
    first = (await adas.send(room, "Before you stop reading."))["seq"]
    await bobs.op("event", room=room, seq=first)
    transport = bobs._transport
    assert transport is not None
    transport.underlying_transport.pause_reading()
    for begin in range(0, MESSAGES, AT_ONCE):
        acks = await asyncio.gather(*(adas.send(room, BODY) for _ in range(begin, begin + AT_ONCE)))
        assert {ack["op"] for ack in acks} == {"ack"}
    last = first + MESSAGES
    await cats.op("event", 30, room=room, seq=last)
    assert [event["seq"] for event in cats.events(room)] == list(range(first, last + 1))
    transport.underlying_transport.resume_reading()
    assert await bobs.wait_closed(30) in (CloseCode.SLOW_CONSUMER, None), "None: the close did not get through any more"
    had = bobs.events(room)[-1]["seq"]
    assert had < last, "it was closed before it had everything"
    assert [event["seq"] for event in bobs.events(room)] == list(range(first, had + 1))
    back = await world.online(bob, {room: had}, gateway=1)
    await back.op("event", 30, room=room, seq=last)
    assert [event["seq"] for event in back.events(room)] == list(range(had + 1, last + 1))
