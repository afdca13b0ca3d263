"""A database, a Redis database and a RabbitMQ vhost of one's own: tests of different modules never meet."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from pymongo import MongoClient
from redis import Redis

from tests.support.servers import Servers

REDIS_DATABASES = 16
_numbers = count()


@dataclass(frozen=True)
class Space:
    """`environment` holds the variables for programs that live here; the rest is for looking in from outside."""

    servers: Servers
    name: str
    mongodb_uri: str
    redis_url: str
    rabbitmq_url: str
    vhost: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "MONGODB_URI": self.mongodb_uri,
            "REDIS_URL": self.redis_url,
            "RABBITMQ_URL": self.rabbitmq_url,
            "CONSUL_HTTP_ADDR": self.servers.consul_http_addr,
            "JWT_SECRET": "a-secret-of-the-test-suite-0123456789",
            "NODE_ENV": "development",
            "RATE_LIMITS": "off",
            "ROOM_PARTITIONS": "4",  # several, so that what concerns only one of them shows
        }

    def mongo(self) -> "MongoClient[dict[str, Any]]":
        """The caller closes it; `client.get_default_database()` is the database of this space."""
        return MongoClient(self.mongodb_uri)

    def redis(self) -> Redis:
        """The caller closes it. Answers str."""
        return Redis.from_url(self.redis_url, decode_responses=True)

    def rabbitmq_api(self) -> httpx.Client:
        """RabbitMQ's management API, signed in. The caller closes it."""
        return _management(self.servers)


@contextmanager
def space(servers: Servers, name: str) -> Iterator[Space]:
    """A fresh space, removed at the end. At most 15 at a time, as Redis has so many databases."""
    unique = f"{re.sub('[^a-z0-9]+', '-', name.lower())[-40:]}-{secrets.token_hex(3)}"
    vhost = f"test-{unique}"
    rabbit, redis_url = urlsplit(servers.rabbitmq_url), urlsplit(servers.redis_url)
    redis_db = 1 + next(_numbers) % (REDIS_DATABASES - 1)
    password = secrets.token_hex(8)
    mongo = urlsplit(servers.mongodb_uri)
    hosts = mongo.netloc.rpartition("@")[2]
    made = Space(
        servers,
        unique,
        f"mongodb://warren:{password}@{hosts}/{unique}?replicaSet=warren&authSource={unique}",
        redis_url._replace(path=f"/{redis_db}").geturl(),
        rabbit._replace(path=f"/{vhost}").geturl(),
        vhost,
    )
    with (
        _management(servers) as management,
        _mongo_operator(servers, hosts) as operator,
        made.redis() as redis,
    ):
        redis.flushdb()
        roles = [{"role": "readWrite", "db": unique}]
        operator[unique].command("createUser", "warren", pwd=password, roles=roles)
        management.put(f"/api/vhosts/{quote(vhost, safe='')}").raise_for_status()
        try:
            yield made
        finally:
            management.delete(f"/api/vhosts/{quote(vhost, safe='')}").raise_for_status()
            operator[unique].command("dropAllUsersFromDatabase")
            operator.drop_database(unique)
            redis.flushdb()


def _management(servers: Servers) -> httpx.Client:
    rabbit = urlsplit(servers.rabbitmq_url)
    assert rabbit.port and rabbit.username and rabbit.password
    return httpx.Client(
        base_url=f"http://{rabbit.hostname}:{rabbit.port + 1}",
        auth=(rabbit.username, rabbit.password),
        timeout=20,
        trust_env=False,
    )


def _mongo_operator(servers: Servers, hosts: str) -> "MongoClient[dict[str, Any]]":
    """The members' own credential: Warren's user may only use Warren's database."""
    return MongoClient(
        f"mongodb://{hosts}/?replicaSet=warren",
        username="__system",
        password=servers.secret("mongo-key"),
        authSource="local",
        authMechanism="SCRAM-SHA-256",
    )
