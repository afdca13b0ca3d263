"""All experiments, by name.

gateways.py    gateways killed, cut from the broker, their events lost
messaging.py   owners of rooms killed, frozen
mongodb.py     members of MongoDB killed, frozen, deposed
servers.py     RabbitMQ, Redis, Consul
clients.py     networks of clients cut, storms, acknowledgements overlooked
consumers.py   clients that read slowly or not at all; a gateway and an owner that hardly run
operations.py  restarts, scaling, a start in any order
cluster.py     a node of a RabbitMQ cluster killed, on Compose only
overload.py    three times as much as it can carry
mixed.py       anything, at random
"""

from tests.faults.experiment import Experiment
from tests.faults.experiments import (
    clients,
    cluster,
    consumers,
    gateways,
    messaging,
    mixed,
    mongodb,
    operations,
    overload,
    servers,
)

ALL: dict[str, Experiment] = {
    experiment.name: experiment
    for part in (gateways, messaging, mongodb, servers, clients, consumers, operations, overload, mixed)
    for experiment in part.EXPERIMENTS
}
KNOWN: dict[str, Experiment] = ALL | {experiment.name: experiment for experiment in cluster.EXPERIMENTS}
"""Also those that need another Warren than the usual one."""
