"""What the servers are told: apart from all else on the machine, on loopback, with secrets of this run directory."""

import configparser
import json
import os
import re
import stat
from pathlib import Path

import pytest

from infra.consul import native as consul
from infra.deploy import services
from infra.deploy.ports import Ports
from infra.deploy.program import RUN_MARK, Program
from infra.deploy.run_dir import RunDir
from infra.deploy.supervision import render
from infra.deploy.topology import CLUSTER, SINGLE
from infra.mongo import native as mongo
from infra.nginx import native as nginx
from infra.rabbitmq import native as rabbitmq
from infra.redis import native as redis

PORTS = Ports(1000)
SERVERS = {"MONGODB_URI": "mongodb://x", "REDIS_URL": "redis://x"}


def supervisor_conf(run: RunDir, *programs: Program) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    parser.read_string(render(run, programs))
    return parser


def test_the_supervisor_never_gives_a_program_up(run: RunDir) -> None:
    section = supervisor_conf(run, Program("auth-1", ["true"]))["program:auth-1"]
    assert section["autorestart"] == "true"
    assert int(section["startretries"]) > 10**6


def test_a_changed_program_has_a_changed_command_line(run: RunDir) -> None:
    commands = {
        supervisor_conf(run, Program("a", ["true"], environment={"X": x}))["program:a"]["command"] for x in "112"
    }
    assert len(commands) == 2


@pytest.mark.parametrize("value", ['say "hi"', "100%", "a;b #c", "line\nbreak", "$HOME `id`", "back\\slash"])
def test_a_setting_reaches_its_program_as_it_is(value: str, run: RunDir) -> None:
    supervisor_conf(run, Program("a", ["echo", value], environment={"X": value}))
    spec = json.loads((run.conf / "programs" / "a.json").read_text())
    assert spec["environment"]["X"] == spec["command"][1] == value
    assert spec["environment"][RUN_MARK] == str(run.root)


def test_rendered_files_and_secrets_are_for_this_user_only(run: RunDir) -> None:
    redis.program(run, PORTS, "redis-server")
    for path in (run.conf / "redis.conf", run.secret_path("redis-password")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_secrets_are_made_once_and_differ(run: RunDir) -> None:
    assert run.secret("a") == run.secret("a")
    assert run.secret("a") != run.secret("b")
    assert len(run.secret("jwt-secret", 32)) >= 64


def test_redis_asks_for_a_password_and_keeps_what_it_is_told(run: RunDir) -> None:
    text = redis.render(run, PORTS)
    assert f"requirepass {run.secret('redis-password')}" in text
    assert "bind 127.0.0.1\nport 10679\n" in text
    assert "appendonly yes" in text
    assert redis.url(run, PORTS) == f"redis://:{run.secret('redis-password')}@127.0.0.1:10679/0"


def test_rabbitmq_has_its_own_user_ports_and_folders(run: RunDir) -> None:
    text = rabbitmq.render(run, PORTS)
    assert "default_user = warren" in text
    assert "guest" not in re.sub(r"#.*", "", text)
    assert "listeners.tcp.1 = 127.0.0.1:10672" in text
    epmd, broker = rabbitmq.programs(run, PORTS)
    folders = [value for name, value in broker.environment.items() if name.endswith(("_BASE", "_DIR", "_FILE", "HOME"))]
    assert folders
    assert all(Path(folder).is_relative_to(run.root) for folder in folders)
    assert epmd.environment["ERL_EPMD_PORT"] == broker.environment["ERL_EPMD_PORT"] == "10669"


def test_consul_listens_on_loopback_and_asks_nobody_for_updates(run: RunDir) -> None:
    conf = json.loads(consul.render(run, PORTS))
    assert conf["client_addr"] == conf["bind_addr"] == "127.0.0.1"
    assert conf["disable_update_check"]
    assert conf["ports"]["dns"] == -1


def test_every_mongodb_member_asks_for_the_key_and_the_url_names_them_all(run: RunDir) -> None:
    members = mongo.programs(run, PORTS, 3, "mongod")
    assert [next(iter(member.ports)) for member in members] == [10701, 10702, 10703]
    assert all("--keyFile" in member.command and "127.0.0.1" in member.command for member in members)
    assert "@127.0.0.1:10701,127.0.0.1:10702,127.0.0.1:10703/warren?replicaSet=warren" in mongo.url(run, PORTS, 3)


def test_members_that_hold_data_are_counted(run: RunDir) -> None:
    assert mongo.members_with_data(run) == 0
    for index in (1, 2, 3):
        (run.data(f"mongo-{index}") / "WiredTiger").touch()
    assert mongo.members_with_data(run) == 3


def test_nginx_keeps_to_the_run_directory_and_to_loopback(run: RunDir) -> None:
    text = nginx.render_conf(run, PORTS, "127.0.0.1", run.conf / nginx.UPSTREAMS)
    assert "listen 127.0.0.1:4000 " in text
    assert "0.0.0.0" not in text
    paths = re.findall(r'(?:temp_path|pid) "([^"]+)"', text)
    assert len(paths) == 6
    assert all(Path(path).is_relative_to(run.root) for path in paths)


def test_nginx_listens_where_it_is_told() -> None:
    assert nginx.listen_addresses("0.0.0.0") == ["0.0.0.0"]
    assert nginx.listen_addresses("::") == ["[::]"]


def test_nginx_has_as_many_workers_as_its_sockets_take_where_a_worker_may_open_few_files() -> None:
    assert nginx.workers(20_000) * (20_000 - nginx.SPARE_FILES) >= 2 * 32_768
    assert nginx.workers(1_000_000) == os.cpu_count()
    assert nginx.workers(1_024) == max(16, os.cpu_count() or 1), "not a hundred"


def test_workers_of_a_checkout_that_others_cannot_read_keep_the_right_to(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert nginx.worker_user([closed]) == "root"


def test_each_instance_has_its_own_name_and_ports(run: RunDir) -> None:
    programs = {program.name: program for program in services.programs(run, PORTS, CLUSTER, SERVERS)}
    assert list(programs) == list(services.instances(CLUSTER))
    gateway = programs["gateway-3"].environment
    assert (gateway["SERVER_ID"], gateway["PORT"], gateway["SOCKET_PORT"]) == ("gateway-3", "6002", "7002")
    assert "SOCKET_PORT" not in programs["auth-1"].environment
    taken = [port for program in programs.values() for port in program.ports]
    assert len(taken) == len(set(taken)) == 12


def test_services_share_a_random_secret_and_know_their_servers(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NODE_ENV", raising=False)
    monkeypatch.setenv("LOG_LEVEL", "debug")
    programs = services.programs(run, PORTS, SINGLE, SERVERS)
    assert {program.environment["JWT_SECRET"] for program in programs} == {run.secret("jwt-secret")}
    assert all(SERVERS.items() <= program.environment.items() for program in programs)
    assert programs[0].environment["NODE_ENV"] == "production"
    assert programs[0].environment["LOG_LEVEL"] == "debug"
    assert programs[0].environment["CLUSTER_MODE"] == "false"
    assert programs[0].environment["CLIENT_URL"] == "http://localhost:4000,http://127.0.0.1:4000"
