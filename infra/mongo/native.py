"""The members of the replica set for native mode."""

from infra.deploy.ports import Ports
from infra.deploy.program import Program
from infra.deploy.run_dir import RunDir
from infra.mongo.replica_set import Settings

SET_NAME = "warren"
USER = DATABASE = "warren"
DIRTY_PAGES = (
    "eviction_dirty_target=50,eviction_dirty_trigger=75,eviction_updates_target=30,eviction_updates_trigger=60"
)
"""Shares of the cache, in percent, that may wait for the next checkpoint. With the server's own (5, of updates 2.5) its
threads wrote the pages of the index of commands over and over: half of all CPU of MongoDB at 4,000 messages/s, and a
p99 of 455 ms instead of 120. What is acknowledged is in the journal either way. compose.yaml has the same."""

CHECKPOINT_SECONDS = (53, 60, 67)
"""Between the checkpoints of each member. At the same moment, as they start together, they took both cores for half a
second: a p99 of 450 ms over 70 s at 4,000 messages/s, and of 151 and 209 ms apart. Not in compose.yaml, where the
members share one command."""

THIRD_LAGS = ("--setParameter", "oplogBatchDelayMillis=20")
"""A majority is two of three. The third applies what 20 ms bring at once: 12 % less CPU of all parts for messages that
come by themselves, and a p99 of 12 and 18 ms instead of 34 at 100 messages/s. While another member is away it is one of
the two, and a write takes up to 20 ms longer. Not in compose.yaml: never tried on its version of the server."""


def url(run: RunDir, ports: Ports, members: int) -> str:
    hosts = ",".join(hosts_of(ports, members))
    return (
        f"mongodb://{USER}:{run.secret('mongo-password')}@{hosts}/{DATABASE}"
        f"?replicaSet={SET_NAME}&authSource={DATABASE}"
    )


def hosts_of(ports: Ports, members: int) -> list[str]:
    return [f"127.0.0.1:{ports.mongo(index)}" for index in range(members)]


def members_with_data(run: RunDir) -> int:
    """How many members an earlier start left data of."""
    return sum(1 for path in run.folder("data").glob("mongo-*") if any(path.iterdir()))


def settings(run: RunDir, ports: Ports, members: int) -> Settings:
    return Settings(
        members=hosts_of(ports, members),
        set_name=SET_NAME,
        key=run.secret("mongo-key", 96),
        user=USER,
        password=run.secret("mongo-password"),
        database=DATABASE,
    )


def programs(run: RunDir, ports: Ports, members: int, executable: str) -> list[Program]:
    run.secret("mongo-key", 96)  # 192 characters: mongod takes 6 to 1024
    return [
        Program(
            f"mongo-{index + 1}",
            [
                executable,
                *("--replSet", SET_NAME),
                *("--bind_ip", "127.0.0.1"),
                *("--port", str(ports.mongo(index))),
                *("--dbpath", run.data(f"mongo-{index + 1}")),
                *("--keyFile", run.secret_path("mongo-key")),
                *("--wiredTigerCacheSizeGB", "0.5"),
                *("--oplogSize", "512"),
                *("--syncdelay", str(CHECKPOINT_SECONDS[index % len(CHECKPOINT_SECONDS)])),
                *("--wiredTigerEngineConfigString", DIRTY_PAGES),
                *(THIRD_LAGS if index == 2 else ()),
                "--nounixsocket",
                "--quiet",
                *("--setParameter", "diagnosticDataCollectionEnabled=false"),
                # A primary that stops lets its clients go for so long; all members stop together here.
                *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=500"),
            ],
            ports={ports.mongo(index): f"MongoDB (member {index + 1})"},
            stop_seconds=40,
            open_files=65536,
        )
        for index in range(members)
    ]
