"""What every start does to a replica set that is there already."""

from urllib.parse import urlsplit

from infra.mongo.replica_set import Settings, bring_up, connect
from tests.support.servers import Servers


def test_a_set_of_an_earlier_version_gets_the_settings_of_this_one(servers: Servers) -> None:
    member = urlsplit(servers.mongodb_uri).netloc.rpartition("@")[2]
    key = servers.secret("mongo-key")
    with connect(member, key) as client:

        def configuration() -> dict[str, object]:
            found: dict[str, object] = client.admin.command("replSetGetConfig")["config"]
            return found

        older = configuration()
        assert isinstance(older["settings"], dict)
        assert isinstance(older["version"], int)
        older["settings"] |= {"chainingAllowed": True, "electionTimeoutMillis": 9000, "heartbeatTimeoutSecs": 11}
        client.admin.command("replSetReconfig", older | {"version": older["version"] + 1})

        bring_up(Settings([member], key, servers.secret("mongo-password")))

        settings = configuration()["settings"]
        assert isinstance(settings, dict)
        assert (settings["chainingAllowed"], settings["electionTimeoutMillis"]) == (False, 4000)
        assert settings["heartbeatTimeoutSecs"] == 11, "what is none of our business stays"
        version = configuration()["version"]
        bring_up(Settings([member], key, servers.secret("mongo-password")))
        assert configuration()["version"] == version, "a set that is as it should be is left alone"
