"""What queues promise by their arguments."""

import pytest

from warren.contracts.topology import ROOMS_DEAD, Queue, canary_queue, gateway_queue, partition_queue, rpc_queue


@pytest.mark.parametrize("queue", [ROOMS_DEAD, partition_queue(0), rpc_queue("auth")], ids=lambda queue: queue.name)
def test_what_instances_share_is_on_every_node_of_a_cluster(queue: Queue) -> None:
    """A queue of another type is on one node, and whoever declares it while that node is down waits for the node."""
    assert queue.durable
    assert not queue.exclusive
    assert queue.arguments["x-queue-type"] == "quorum"
    assert queue.arguments["x-overflow" if queue is not ROOMS_DEAD else "x-delivery-limit"]


@pytest.mark.parametrize("queue", [canary_queue("auth", "1", "x"), gateway_queue("x")], ids=lambda queue: queue.name)
def test_what_is_one_connections_own_goes_with_it_and_is_bounded(queue: Queue) -> None:
    assert queue.exclusive
    assert not queue.durable
    assert queue.arguments["x-max-length"]
