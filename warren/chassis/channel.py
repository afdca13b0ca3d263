"""What is done on a channel: declare what `warren.contracts.topology` names, publish, and name what went wrong."""

import re
from collections.abc import Awaitable, Callable

from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel
from aiormq.exceptions import ChannelInvalidStateError, ChannelPreconditionFailed, DeliveryError
from pamqp.commands import Basic

from warren.contracts.topology import FanoutExchange, Queue

_VALUE = r"(?:the value )?'?([^']+?)'?(?: of type '\w+')?"
_INEQUIVALENT = re.compile(rf"inequivalent arg '([^']+)'.*?: received {_VALUE} but current is {_VALUE}\W*$", re.DOTALL)
"""As RabbitMQ words it: received the value '20' of type 'long' but current is none."""

Delivery = DeliveredMessage
Consumer = Callable[[Delivery], Awaitable[None]]


class Unroutable(Exception):
    """A mandatory message came back: no such queue."""


class Rejected(Exception):
    """The broker refused a message: its queue is full."""


class QueueDiffers(Exception):
    """A queue exists with other arguments than this version declares. Says which, what differs and what to do."""

    def __init__(self, queue: str, said: str) -> None:
        found = _INEQUIVALENT.search(said)
        self.differs = f"{found[1]} is {found[3]} there, and this version needs {found[2]}" if found else said
        super().__init__(
            f"The queue {queue} is another version's: {self.differs}. Stop what still consumes it; then "
            "`python -m services.messaging queues renew` puts a new one in its place "
            '(docs/operations.md, "When a queue has changed")'
        )
        self.queue = queue


async def declare(channel: Channel, queue: Queue) -> None:
    """Declare a queue as its value says. Raises QueueDiffers, and the channel is closed then."""
    try:
        await channel.queue_declare(
            queue.name,
            durable=queue.durable,
            exclusive=queue.exclusive,
            arguments=queue.arguments,
        )
    except ChannelPreconditionFailed as error:
        raise QueueDiffers(queue.name, str(error)) from error


async def bind(channel: Channel, queue: Queue, exchange: FanoutExchange) -> None:
    """Declare a fan-out exchange and let it copy to a queue."""
    await declare_exchange(channel, exchange)
    await channel.queue_bind(queue.name, exchange.name)


async def declare_exchange(channel: Channel, exchange: FanoutExchange) -> None:
    await channel.exchange_declare(exchange.name, exchange_type="fanout", durable=True)


async def publish(
    channel: Channel,
    queue: str,
    body: bytes,
    *,
    exchange: str = "",
    mandatory: bool = False,
    properties: Basic.Properties | None = None,
) -> None:
    """Publish and, on a channel with confirms, wait until the broker has it. Quick with PERSISTENT or no `properties`.

    Raises Unroutable (mandatory, and no such queue), Rejected (the queue is full), AMQPError or ConnectionError (the
    connection went: unknown whether the broker has it).
    """
    try:
        result = await channel.basic_publish(
            body, exchange=exchange, routing_key=queue, mandatory=mandatory, properties=properties, wait=False
        )
    except DeliveryError as error:
        raise Rejected(queue) from error
    except ChannelInvalidStateError as error:  # a RuntimeError, though it is the same loss
        raise ConnectionError("the channel is closed") from error
    if isinstance(result, DeliveredMessage):
        raise Unroutable(queue)


def delivery_tag(delivery: Delivery) -> int:
    """The number that settles this delivery on its channel."""
    frame = delivery.delivery
    assert isinstance(frame, Basic.Deliver)  # consumers get nothing else
    return frame.delivery_tag or 0
