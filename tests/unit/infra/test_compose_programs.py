"""The small programs inside the containers: secrets, names, health check."""

import http.server
import stat
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.compose import reverse_dns, secrets
from infra.compose.alive import ready
from infra.compose.instance import server_id

MEMBERS = "mongo-1:27017,mongo-2:27017"


@pytest.fixture
def owners() -> dict[str, int]:
    return {}


def make(folder: Path, owners: dict[str, int], members: str = MEMBERS) -> None:
    def own(path: Path, user: int) -> None:
        owners[path.name.lstrip(".")] = user

    secrets.make(secrets.Secrets(folder, own), members)


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_two_warrens_have_no_secret_in_common(tmp_path: Path, owners: dict[str, int]) -> None:
    make(tmp_path / "a", owners)
    make(tmp_path / "b", owners)
    first, second = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] == second[name]] == ["rabbitmq/user"]


def test_secrets_stay_and_addresses_follow_the_members(tmp_path: Path, owners: dict[str, int]) -> None:
    make(tmp_path, owners)
    before = contents(tmp_path)
    make(tmp_path, owners, members="mongo-1:27017")
    after = contents(tmp_path)
    assert [name for name in after if after[name] != before[name]] == ["services/mongodb_uri"]
    assert "@mongo-1:27017/warren?" in after["services/mongodb_uri"]


def test_addresses_hold_the_passwords_that_the_servers_are_given(tmp_path: Path, owners: dict[str, int]) -> None:
    make(tmp_path, owners)
    made = contents(tmp_path)
    assert f"warren:{made['rabbitmq/password']}@rabbitmq" in made["services/rabbitmq_url"]
    assert f":{made['redis/password']}@redis" in made["services/redis_url"]
    assert made["redis/redis.conf"] == f"requirepass {made['redis/password']}\n"
    assert f"warren:{made['mongo/password']}@{MEMBERS}" in made["services/mongodb_uri"]


def test_only_its_reader_may_read_a_secret(tmp_path: Path, owners: dict[str, int]) -> None:
    make(tmp_path, owners)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o400}
    assert owners["keyfile"] == secrets.SERVER
    assert owners["jwt_secret"] == owners["mongodb_uri"] == secrets.SERVICE
    assert owners["user"] == secrets.ROOT


def test_the_key_of_the_replica_set_is_one_that_mongod_takes(tmp_path: Path, owners: dict[str, int]) -> None:
    make(tmp_path, owners)
    assert 6 <= len((tmp_path / "mongo" / "keyfile").read_text()) <= 1024


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ("warren-gateway-2.warren_default", "gateway-2"),
        ("my-own-gateway-12.net", "gateway-12"),
        ("warren_gateway_1", "gateway-1"),
        ("warren-auth-2.warren_default", "gateway-0f2c5d9b8a71"),
        (None, "gateway-0f2c5d9b8a71"),
    ],
)
def test_an_instance_is_named_after_its_container(container: str | None, expected: str) -> None:
    assert server_id("gateway", container, "0f2c5d9b8a71") == expected


def answer(*records: bytes, identity: int = reverse_dns.ID) -> bytes:
    asked = reverse_dns.question("172.29.77.130")[12:]
    return struct.pack(">6H", identity, 0x8180, 1, len(records), 0, 0) + asked + b"".join(records)


def record(kind: int, data: bytes) -> bytes:
    return b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 600, len(data)) + data


NAME = b"\x10warren-gateway-2\x0ewarren_default\x00"


def test_a_question_names_the_address_backwards() -> None:
    assert b"\x03130\x0277\x0229\x03172\x07in-addr\x04arpa\x00\x00\x0c\x00\x01" in reverse_dns.question("172.29.77.130")


def test_the_name_is_read_from_the_answer() -> None:
    other = record(5, b"\xc0\x0c")
    assert reverse_dns.first_name(answer(other, record(12, NAME))) == "warren-gateway-2.warren_default"


@pytest.mark.parametrize(
    "bad",
    [answer(), answer(record(12, NAME), identity=1), answer(record(12, b"\xc0\xff"))],
    ids=["no record", "another question's", "a circle"],
)
def test_an_answer_without_a_name_is_refused(bad: bytes) -> None:
    with pytest.raises(reverse_dns.NoName):
        reverse_dns.first_name(bad)


def test_the_first_server_that_can_be_asked_is_taken() -> None:
    assert reverse_dns.nameserver("search x\nnameserver ::1\nnameserver 127.0.0.11\n") == "127.0.0.11"
    with pytest.raises(reverse_dns.NoName):
        reverse_dns.nameserver("search x\n")


@pytest.fixture
def health_server() -> Iterator[int]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health/ready" else 503)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Quiet."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_service_is_healthy_when_it_says_that_it_is_ready(health_server: int) -> None:
    assert ready(health_server)
    assert not ready(health_server, path="/health/other")


def test_a_service_that_does_not_answer_is_not_healthy() -> None:
    assert not ready(1)
