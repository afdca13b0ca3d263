"""Makes what is secret before anything starts, so that nothing has a default secret. Needs Python and nothing else.

Runs to its end as root in a container without network, on every start. Each reader has a volume of its own below
/run/warren, and mounts that one only:

mongo/     keyfile (the members of the replica set trust each other by it), password
redis/     redis.conf (requirepass), password
rabbitmq/  user, password
services/  jwt_secret, mongodb_uri, redis_url, rabbitmq_url

What exists is kept; the addresses (`*_uri`, `*_url`) are written afresh. The servers' data folders below
/volumes are given to the users that they run as.
"""

import os
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SERVER = 999  # the user of the public images of MongoDB and Redis; Consul runs as any
SERVICE = 10001  # Warren's own user, see infra/docker/Dockerfile
ROOT = 0  # RabbitMQ's image reads its password before it gives up root

Own = Callable[[Path, int], None]
"""Gives a file or folder to a user id and its group of the same number."""


@dataclass(frozen=True)
class Secrets:
    """The secrets below `folder`. Asking for one makes it at random when it does not exist yet."""

    folder: Path
    own: Own

    def random(self, name: str, owner: int, bytes_of_chance: int = 32) -> str:
        """The secret of that name, hexadecimal: safe in a URL and in a configuration file."""
        path = self.folder / name
        if not path.exists():
            self.write(name, owner, secrets.token_hex(bytes_of_chance))
        return path.read_text()

    def write(self, name: str, owner: int, text: str) -> None:
        """Write a file that only `owner` may read, whole or not at all."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}")
        unfinished.unlink(missing_ok=True)
        unfinished.touch(mode=0o400)
        with os.fdopen(os.open(unfinished, os.O_WRONLY), "w") as file:
            file.write(text)
        self.own(unfinished, owner)
        unfinished.replace(path)


def make(made: Secrets, mongo_members: str) -> None:
    """Make all secrets that are missing, and the addresses that hold them.

    mongo_members: host:port,host:port,... of the replica set.
    """
    made.random("mongo/keyfile", SERVER, bytes_of_chance=256)
    made.random("services/jwt_secret", SERVICE)

    mongodb = made.random("mongo/password", SERVER)
    made.write(
        "services/mongodb_uri",
        SERVICE,
        f"mongodb://warren:{mongodb}@{mongo_members}/warren?replicaSet=warren&authSource=warren",
    )

    redis = made.random("redis/password", SERVER)
    made.write("redis/redis.conf", SERVER, f"requirepass {redis}\n")
    made.write("services/redis_url", SERVICE, f"redis://:{redis}@redis:6379/0")

    made.write("rabbitmq/user", ROOT, "warren")
    rabbitmq = made.random("rabbitmq/password", ROOT)
    made.write("services/rabbitmq_url", SERVICE, f"amqp://warren:{rabbitmq}@rabbitmq:5672/")


def give_volumes(folder: Path, own: Own) -> None:
    """Give every volume mounted below `folder` to the servers' user: an empty volume belongs to root."""
    for volume in sorted(folder.iterdir()):
        own(volume, SERVER)
        volume.chmod(0o700)


def main() -> int:
    def own(path: Path, user: int) -> None:
        os.chown(path, user, user)

    make(Secrets(Path("/run/warren"), own), os.environ["MONGO_MEMBERS"])
    give_volumes(Path("/volumes"), own)
    print("secrets: ready")
    return 0


if __name__ == "__main__":
    sys.exit(main())
