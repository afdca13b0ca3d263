"""Rare news for all gateways, over the fan-out exchange."""

from aiormq.channel import Channel
from aiormq.exceptions import AMQPError
from pamqp.commands import Basic

from warren.chassis.broker import Link
from warren.chassis.channel import declare_exchange, publish
from warren.chassis.telemetry import get_logger
from warren.contracts.codec import encode
from warren.contracts.events import NOTICE_TYPE, AnyNotice
from warren.contracts.topology import NOTICES

log = get_logger("notices")


class Notices:
    """Publishes notices. One that is lost with the connection is no harm: gateways that reconnect ask afresh."""

    def __init__(self) -> None:
        self._channel: Channel | None = None

    async def open(self, link: Link) -> None:
        channel = await link.channel()
        await declare_exchange(channel, NOTICES)
        self._channel = channel

    async def send(self, notice: AnyNotice) -> None:
        channel = self._channel
        if channel is None or channel.is_closed:
            return
        try:
            properties = Basic.Properties(message_type=NOTICE_TYPE)
            await publish(channel, "", encode(notice), exchange=NOTICES.name, properties=properties)
        except (AMQPError, ConnectionError) as error:
            log.info("notice not confirmed: the connection is lost", error=str(error))
