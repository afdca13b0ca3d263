"""The members of the replica set for native mode."""

from infra.deploy.ports import Ports
from infra.deploy.program import Program
from infra.deploy.run_dir import RunDir
from infra.mongo.replica_set import Settings

SET_NAME = "warren"
USER = DATABASE = "warren"


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
