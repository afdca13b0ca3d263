"""News for all gateways: published on `topology.NOTICES` with confirms."""

import asyncio

from aiormq.channel import Channel
from aiormq.exceptions import AMQPError
from pamqp.commands import Basic

from warren.chassis.broker import Broker, Link, broker_down
from warren.chassis.channel import declare_exchange, publish
from warren.contracts.codec import encode
from warren.contracts.events import NOTICE_TYPE, AnyNotice
from warren.contracts.topology import NOTICES

CONFIRM_SECONDS = 3
"""A broker short of memory or disk takes nothing and does not say so."""


class Notices:
    def __init__(self, broker: Broker) -> None:
        self._channel: Channel | None = None
        broker.on_connect(self._open)

    async def send(self, notice: AnyNotice) -> None:
        """Return when the broker has it. Raises Refusal `unavailable`."""
        channel = self._channel
        if channel is None or channel.is_closed:
            raise broker_down()
        try:
            async with asyncio.timeout(CONFIRM_SECONDS):
                await publish(
                    channel,
                    "",
                    encode(notice),
                    exchange=NOTICES.name,
                    properties=Basic.Properties(message_type=NOTICE_TYPE),
                )
        except (AMQPError, ConnectionError, TimeoutError) as error:
            raise broker_down() from error

    async def _open(self, link: Link) -> None:
        channel = await link.channel()
        await declare_exchange(channel, NOTICES)
        self._channel = channel
