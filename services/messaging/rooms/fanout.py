"""One broker message for each gateway that has to hear of a write, with all that it has to hear.

Each gateway's messages are numbered, so that a lost one shows as a jump at the next; a source that falls silent says
its number a few more times, so that also the last one before the silence cannot be lost unnoticed.
"""

import asyncio
from collections.abc import Callable

from aiormq.channel import Channel
from aiormq.exceptions import AMQPError
from msgspec import Struct
from prometheus_client import Counter

from warren.chassis.broker import Link
from warren.chassis.channel import Rejected, Unroutable, publish
from warren.chassis.telemetry import get_logger
from warren.contracts.codec import encode
from warren.contracts.events import Done, EventBatch, RoomEvents, Transient
from warren.contracts.rooms import Answer

BEATS = 3
BEAT_SECONDS = 1.0
SENT = Counter("warren_event_batches_total", "Event batches sent to gateways.")
log = get_logger("fanout")


class Parcel(Struct):
    """What one gateway gets of one write; the fields of an EventBatch."""

    answers: list[Answer] = []
    rooms: list[RoomEvents] = []
    transients: list[Transient] = []
    done: list[Done] = []


class _Stream(Struct):
    n: int = 0
    beats_left: int = 0
    quiet: bool = False


class Fanout:
    """`source` is unique to this run of this instance."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.on_gone: Callable[[str], None] = lambda _gateway: None
        """Told of a gateway whose queue does not exist any more."""
        self._channel: Channel | None = None
        self._streams: dict[str, _Stream] = {}

    async def open(self, link: Link) -> None:
        """A channel with confirms: they tell which gateways are gone."""
        self._channel = await link.channel()

    def send(self, parcels: dict[str, Parcel]) -> list[asyncio.Task[None]]:
        """Publish one message to each gateway, in this order. The tasks end when the broker has confirmed."""
        return [asyncio.create_task(self._send_one(gateway, parcel)) for gateway, parcel in parcels.items()]

    async def beat(self) -> None:
        """Once in BEAT_SECONDS: repeat the number of streams that fell silent."""
        for gateway, stream in list(self._streams.items()):
            if not stream.quiet:
                stream.quiet = True
            elif stream.beats_left > 0:
                stream.beats_left -= 1
                await self._publish(gateway, stream, Parcel())

    async def _send_one(self, gateway: str, parcel: Parcel) -> None:
        stream = self._streams.setdefault(gateway, _Stream())
        stream.beats_left = BEATS
        stream.quiet = False
        await self._publish(gateway, stream, parcel)

    async def _publish(self, gateway: str, stream: _Stream, parcel: Parcel) -> None:
        channel = self._channel
        if channel is None or channel.is_closed:
            return  # the gateways' connections are gone too, and each asks for what it missed
        stream.n += 1
        batch = EventBatch(self.source, stream.n, parcel.answers, parcel.rooms, parcel.transients, parcel.done)
        SENT.inc()
        try:
            await publish(channel, gateway, encode(batch), mandatory=True)
        except Unroutable:
            self._streams.pop(gateway, None)
            self.on_gone(gateway)
        except Rejected as error:
            log.warning("the broker refused events; their gateway will notice the gap", gateway=str(error))
        except (AMQPError, ConnectionError) as error:
            log.info("events not confirmed: the connection is lost", gateway=gateway, error=str(error))
