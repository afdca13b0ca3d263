"""`python -m services.messaging queues`: list and replace durable queues that are not as this version needs them."""

import argparse
import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import aio_pika
from aiormq.channel import Channel
from aiormq.exceptions import AMQPError, ChannelNotFoundEntity
from msgspec import Struct

from services.messaging.settings import MessagingSettings
from warren.chassis.broker import CONNECT_SECONDS
from warren.chassis.channel import QueueDiffers, declare
from warren.chassis.settings import SettingsError
from warren.contracts.topology import ROOMS_DEAD, Queue, partition_queue

PROGRAM = "python -m services.messaging queues"
ABOUT = """\
RabbitMQ never changes the arguments of a queue that exists. After an update that changes them, or a change of
ROOM_PARTITIONS, `renew` removes the partition queues that are not as this version needs them, and those of partitions
that there are no more; messaging instances that wait for them declare them anew by themselves, within 2 s.

What is in a partition queue was not acknowledged to anybody: gateways and clients send it again. Dead letters are
different: `messaging.rooms.dead` is only renewed when it is empty (see `dead-letters`).
A queue that somebody consumes is left alone: stop the messaging instances of the other version first.
"""
AFTER = """\
Reads RABBITMQ_URL and ROOM_PARTITIONS from the environment, like the service (or RABBITMQ_URL_FILE).
Exit codes: 0 all queues are as they should be (after `renew`: or not there yet), 1 some are not, 2 wrong use.
"""


class State(Struct):
    """A queue as it is. `problem` "" = as it should be, or not there yet."""

    name: str
    problem: str = ""
    messages: int = 0
    consumers: int = 0


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Returns the exit code."""
    formatting = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(PROGRAM, description=ABOUT, epilog=AFTER, formatter_class=formatting)
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|renew")
    actions.add_parser("list", help="what is wrong with which queue")
    actions.add_parser("renew", help="remove what is wrong, where that loses nothing")
    arguments = parser.parse_args(argv)
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)  # its errors reach people as one line
    try:
        settings = MessagingSettings.load("messaging", environ)
        return asyncio.run(_run(settings, renew=arguments.action == "renew"))
    except SettingsError as error:
        return _complain(str(error), 2)
    except (AMQPError, OSError) as error:
        return _complain(f"RabbitMQ cannot be reached, see RABBITMQ_URL: {error!r}", 1)


async def _run(settings: MessagingSettings, *, renew: bool) -> int:
    connection = await aio_pika.connect(
        settings.rabbitmq_url, timeout=CONNECT_SECONDS, client_properties={"connection_name": "queues"}
    )
    async with connection:
        code = 0
        for state in [state async for state in _wrong(connection, settings.room_partitions)]:
            if renew and not (why_not := _why_not(state)):
                async with _channel(connection) as channel:
                    await channel.queue_delete(state.name)
                _say(f"removed {state.name} with {state.messages} command batches, which their senders send again")
            elif renew:
                code = _complain(f"{state.name} stays: {why_not}", 1)
            else:
                code = 1
                _say(f"{state.name} ({state.messages} messages, {state.consumers} consumers): {state.problem}")
        if code == 0:
            _say("The queues are as they should be.")
        return code


async def _wrong(connection: aio_pika.abc.AbstractConnection, partitions: int) -> AsyncIterator[State]:
    for queue in [ROOMS_DEAD, *(partition_queue(partition) for partition in range(partitions))]:
        state = await _look(connection, queue)
        if state is not None and (problem := await _differs(connection, queue)):
            state.problem = problem
            yield state
    partition = partitions
    while (state := await _look(connection, partition_queue(partition))) is not None:
        state.problem = f"left over: ROOM_PARTITIONS is {partitions}"
        yield state
        partition += 1


def _why_not(state: State) -> str:
    """Why a queue cannot be removed now; "" = it can."""
    if state.consumers:
        return f"{state.consumers} instances consume it; stop those of the other version first"
    if state.name == ROOMS_DEAD.name and state.messages:
        return f"it holds {state.messages} dead letters; replay or drop them first (dead-letters --help)"
    return ""


async def _look(connection: aio_pika.abc.AbstractConnection, queue: Queue) -> State | None:
    """None: there is no such queue."""
    async with _channel(connection) as channel:
        try:
            found = await channel.queue_declare(queue.name, passive=True)
        except ChannelNotFoundEntity:
            return None
        return State(queue.name, messages=found.message_count or 0, consumers=found.consumer_count or 0)


async def _differs(connection: aio_pika.abc.AbstractConnection, queue: Queue) -> str:
    """What differs; "" = nothing."""
    async with _channel(connection) as channel:
        try:
            await declare(channel, queue)
        except QueueDiffers as error:
            return error.differs
        return ""


@asynccontextmanager
async def _channel(connection: aio_pika.abc.AbstractConnection) -> AsyncIterator[Channel]:
    """One for each question: the broker closes it when the answer is no."""
    channel = connection.channel(publisher_confirms=False)
    await channel.initialize(timeout=CONNECT_SECONDS)
    underlay = await channel.get_underlay_channel()
    assert isinstance(underlay, Channel)
    yield underlay
    if not channel.is_closed:
        await channel.close()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _complain(line: str, code: int) -> int:
    sys.stderr.write(f"queues: {line}\n")
    return code
