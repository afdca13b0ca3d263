"""Queues and exchanges as values with all their arguments. `warren.chassis.channel` declares them."""

from typing import Any

import msgspec

PARTITION_DELIVERY_LIMIT = 20
"""A command batch that was delivered this often without being settled goes to the dead letters.
Above the number of hand-overs that a rolling restart causes, each of which redelivers what was held."""

PARTITION_BATCHES = 5_000
RPC_CALLS = 10_000
RPC_DELIVERIES = 5
"""A call that has ended so many instances in turn is dropped; its caller has long given up."""
RPC_EXPIRES_MS = 10_000
"""A service without any instance for so long is told to callers at once; before that at their deadline."""

GATEWAY_BATCHES = 20_000


class Queue(msgspec.Struct, frozen=True):
    """A queue: `exclusive` ones belong to one connection and go with it."""

    name: str
    arguments: dict[str, Any] = {}
    durable: bool = True
    exclusive: bool = False


class FanoutExchange(msgspec.Struct, frozen=True):
    """An exchange that copies to every bound queue."""

    name: str


NOTICES = FanoutExchange("warren.notices")
"""Rare news for all gateways and messaging instances: `contracts.events.Notice`."""

ROOMS_DEAD = Queue("messaging.rooms.dead", {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000})
"""Looking at a letter counts as a delivery; RabbitMQ 4 would drop it after 20 without a limit of our own."""


def rpc_queue(service: str) -> Queue:
    """The shared queue of a service's RPC: its instances compete for calls. Calls are not persistent.

    A quorum queue: one of any other type is on one node of a cluster, and while that node is down RabbitMQ lets
    everybody wait who declares it. It goes when it has had no consumer for RPC_EXPIRES_MS, so that a mandatory call
    fails at once when nobody is there.
    """
    return Queue(
        f"rpc.{service}",
        {
            "x-queue-type": "quorum",
            "x-expires": RPC_EXPIRES_MS,
            "x-delivery-limit": RPC_DELIVERIES,
            "x-max-length": RPC_CALLS,
            "x-overflow": "reject-publish",
        },
    )


def canary_queue(service: str, server_id: str, connection: str) -> Queue:
    """An instance's own queue on the channel of its shared consumer, for the message it sends itself. Of messaging
    instances also for notices.

    `connection` is unique to the connection: when a node of a cluster dies the others delete its exclusive queues by
    name, late enough to take one with it that was declared again meanwhile.
    """
    arguments = {"x-max-length": 1_000}
    return Queue(f"canary.{service}.{server_id}.{connection}", arguments, durable=False, exclusive=True)


def partition_queue(partition: int) -> Queue:
    """Commands to the rooms of one partition; the broker lets one instance at a time consume it.

    A quorum queue without a dead-letter exchange drops what exceeds the delivery limit (RabbitMQ 4),
    so poison goes to `ROOMS_DEAD`. A full queue refuses at publish, which becomes `overloaded`.
    """
    return Queue(
        f"messaging.rooms.{partition}",
        {
            "x-queue-type": "quorum",
            "x-single-active-consumer": True,
            "x-delivery-limit": PARTITION_DELIVERY_LIMIT,
            "x-max-length": PARTITION_BATCHES,
            "x-overflow": "reject-publish",
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": ROOMS_DEAD.name,
        },
    )


def gateway_queue(incarnation: str) -> Queue:
    """Events for one run of one gateway. When full the oldest go: the gateway notices the gap and repairs it."""
    return Queue(
        f"gateway.{incarnation}",
        {"x-max-length": GATEWAY_BATCHES, "x-overflow": "drop-head"},
        durable=False,
        exclusive=True,
    )
