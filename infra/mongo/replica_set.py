"""Brings a MongoDB replica set to life and makes Warren's user: `python -m infra.mongo.replica_set`.

Safe to run again at every start. Each member must run with the same `--replSet` and `--keyFile`. The key file is the
members' own credential (user `__system`), so no administrator account has to be made, and it works over the network.

Environment (X_FILE, the path of a file that holds the value, works for each):
  MONGO_MEMBERS       host:port,host:port,... as the members and Warren reach them
  MONGO_KEY           the content of the key file (usually MONGO_KEY_FILE)
  MONGO_PASSWORD      the password of Warren's user
  MONGO_REPLICA_SET   name of the set (warren)
  MONGO_USER          name of Warren's user (warren)
  MONGO_DATABASE      the database it may read and write (warren)
  MONGO_WAIT_SECONDS  give up after (120)
"""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError

Client = MongoClient[dict[str, Any]]

NOT_YET_INITIALIZED = 94
USER_EXISTS = 51003
SET_SETTINGS = {
    # Half the default: two members of three on one machine notice a dead primary in 4 s instead of 10.
    "electionTimeoutMillis": 4000,
    # Every member follows the primary itself. One that followed the member that lags on purpose (native.py) lagged with
    # it, and no majority was quick: a write took 26 ms instead of 4. Which one it followed was chance at each start.
    "chainingAllowed": False,
    # A member that followed a primary which fell silent goes on telling it, alone, how far it has come (for 30 s, which
    # cannot be set); the new primary hears of it with heartbeats only. With one every 2 s each write took 2 s until the
    # old one woke up (20 s), now all is well after 8 s. Costs 0.03 cores, all members together.
    "heartbeatIntervalMillis": 100,
    # How long a new primary waits for what a silent one may have that no majority has: Warren acknowledges none of it.
    "catchUpTimeoutMillis": 1000,
}
POLL_SECONDS = 0.2


class ReplicaSetError(Exception):
    """The set did not come up in time, or the settings make no sense; the text says which and what to look at."""


@dataclass(frozen=True)
class Settings:
    """See the module's list of variables."""

    members: Sequence[str]
    key: str
    password: str
    set_name: str = "warren"
    user: str = "warren"
    database: str = "warren"
    wait_seconds: float = 120


def settings_of(environment: Mapping[str, str]) -> Settings:
    """Raises ReplicaSetError naming the variable that is missing."""

    def value(name: str, default: str | None = None) -> str:
        if path := environment.get(f"{name}_FILE"):
            return Path(path).read_text().strip()
        found = environment.get(name, default)
        if not found:
            raise ReplicaSetError(f"{name} is not set: give it, or the path of a file with it as {name}_FILE")
        return found

    return Settings(
        members=[member.strip() for member in value("MONGO_MEMBERS").split(",")],
        key=value("MONGO_KEY"),
        password=value("MONGO_PASSWORD"),
        set_name=value("MONGO_REPLICA_SET", "warren"),
        user=value("MONGO_USER", "warren"),
        database=value("MONGO_DATABASE", "warren"),
        wait_seconds=float(value("MONGO_WAIT_SECONDS", "120")),
    )


def bring_up(settings: Settings) -> None:
    """Return when the set has all its members and a primary, and Warren's user can sign in.

    Raises ReplicaSetError after `wait_seconds`, or when MongoDB refuses something that waiting does not change.
    """
    try:
        _bring_up(settings)
    except PyMongoError as error:
        raise ReplicaSetError(f"{error.__class__.__name__}, {error}") from error


def _bring_up(settings: Settings) -> None:
    until = time.monotonic() + settings.wait_seconds
    with connect(settings.members[0], settings.key) as first:
        _wait_for_answer(first, settings.members[0], until)
        _initiate(first, settings, until)
        while True:
            primary = _wait_for_primary(first, settings, until)
            try:
                with connect(primary, settings.key) as client:
                    _add_members(client, settings, until)
                    _apply_settings(client, until)
                    _make_user(client, settings)
                return
            except AutoReconnect as error:  # also NotPrimaryError: a set that has just started elects more than once
                _check_time(until, f"the primary {primary} stepped down", error)


def connect(member: str, key: str) -> Client:
    """This member alone, as one of the members: Warren's own user may only use Warren's database."""
    return MongoClient(
        member,
        directConnection=True,
        username="__system",
        password=key,
        authSource="local",
        authMechanism="SCRAM-SHA-256",
        serverSelectionTimeoutMS=1000,
        connectTimeoutMS=2000,
        timeoutMS=30000,
    )


def _wait_for_answer(client: Client, member: str, until: float) -> None:
    while True:
        try:
            client.admin.command("ping")
            return
        except PyMongoError as error:
            _check_time(until, f"MongoDB does not answer at {member}", error)


def _initiate(first: Client, settings: Settings, until: float) -> None:
    """Initiate a set that was never initiated; its other members must answer for that."""
    try:
        first.admin.command("replSetGetStatus")
        return
    except OperationFailure as error:
        if error.code != NOT_YET_INITIALIZED:
            raise
    config = {
        "_id": settings.set_name,
        "members": [{"_id": index, "host": host} for index, host in enumerate(settings.members)],
        "settings": SET_SETTINGS,
    }
    while True:
        try:
            first.admin.command("replSetInitiate", config)
            return
        except PyMongoError as error:
            _check_time(until, "the replica set cannot be initiated", error)


def _elect_soon(first: Client) -> bool:
    """Ask for an election at once instead of after the election timeout; False when the member refuses.

    Only a shortcut at start: it refuses while it starts itself or when another member is ahead of it, and then the set
    elects by itself.
    """
    try:
        first.admin.command("replSetStepUp")
    except PyMongoError:
        return False
    return True


def _wait_for_primary(first: Client, settings: Settings, until: float) -> str:
    """The host of the primary, which is `first` where that is possible."""
    while True:
        for member in settings.members:
            try:
                with connect(member, settings.key) as client:
                    hello = client.admin.command("hello")
                    # A member calls itself primary some time before it takes writes.
                    if hello.get("isWritablePrimary"):
                        return member
            except PyMongoError:
                continue  # the other members may know
        _elect_soon(first)
        _check_time(until, f"no primary among {', '.join(settings.members)}")


def _add_members(primary: Client, settings: Settings, until: float) -> None:
    """Add members that the set does not have yet, one at a time as MongoDB demands."""
    for host in settings.members:
        while True:
            config = primary.admin.command("replSetGetConfig")["config"]
            if any(member["host"] == host for member in config["members"]):
                break
            free_id = max(member["_id"] for member in config["members"]) + 1
            config["members"].append({"_id": free_id, "host": host})
            _reconfigure(primary, config, f"member {host} cannot be added", until)


def _apply_settings(primary: Client, until: float) -> None:
    """Give a set that an earlier version initiated the settings of this one."""
    while True:
        config = primary.admin.command("replSetGetConfig")["config"]
        if all(config["settings"].get(name) == value for name, value in SET_SETTINGS.items()):
            return
        config["settings"] |= SET_SETTINGS
        _reconfigure(primary, config, "the settings of the replica set cannot be changed", until)


def _reconfigure(primary: Client, config: dict[str, Any], problem: str, until: float) -> None:
    """Try a new configuration. What the set refuses for now is tried again by who asked. Raises AutoReconnect when it
    is not the primary any more."""
    config["version"] += 1
    try:
        primary.admin.command("replSetReconfig", config)
    except AutoReconnect:
        raise
    except PyMongoError as error:
        _check_time(until, problem, error)


def _make_user(primary: Client, settings: Settings) -> None:
    """Make Warren's user, or give it the password of the settings."""
    database = primary[settings.database]
    roles = [{"role": "readWrite", "db": settings.database}]
    try:
        database.command("createUser", settings.user, pwd=settings.password, roles=roles)
    except OperationFailure as error:
        if error.code != USER_EXISTS:
            raise
        database.command("updateUser", settings.user, pwd=settings.password, roles=roles)


def _check_time(until: float, problem: str, cause: Exception | None = None) -> None:
    if time.monotonic() > until:
        raise ReplicaSetError(f"{problem}: look at the members' logs") from cause
    time.sleep(POLL_SECONDS)


def main() -> int:
    try:
        settings = settings_of(os.environ)
        bring_up(settings)
    except ReplicaSetError as error:
        print(f"replica set: {error}", file=sys.stderr)
        return 1
    print(f"replica set: {settings.set_name} has a primary and user {settings.user} is ready")
    return 0


if __name__ == "__main__":
    sys.exit(main())
