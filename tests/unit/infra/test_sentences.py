"""What goes wrong is said in one line that says how to fix it."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from infra.deploy import cli, logs, mode, preflight
from infra.deploy.errors import DeployError
from infra.deploy.install import apt, consul, node
from infra.deploy.run_dir import RunDir
from infra.deploy.supervision import Supervisor
from infra.mongo.replica_set import ReplicaSetError, settings_of


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_without_root_the_command_to_run_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(DeployError, match="run `sudo apt-get install -y --no-install-recommends nginx redis-server`"):
        apt.install(["nginx", "redis-server"])


def test_without_apt_the_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(DeployError, match="nginx missing and there is no apt here: install them"):
        apt.install(["nginx"])


def test_apt_is_kept_from_starting_services_and_the_machine_is_left_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(apt, "POLICY", policy)
    with apt.no_service_starts():
        assert "exit 101" in policy.read_text()
    assert not policy.exists()
    policy.write_text("somebody else's")
    with apt.no_service_starts():
        assert policy.read_text() == "somebody else's"
    assert policy.exists()


def test_a_machine_without_a_debian_mirror_is_told_to_bring_consul(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeployError, match="install Consul so that `consul` is on PATH"):
        consul.find(tmp_path)


def test_a_full_disk_is_said_before_anything_starts(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10 << 30, 9 << 30, 100 << 20))
    with pytest.raises(DeployError, match=r"only 100 MB free at .*: make room, or set WARREN_RUN_DIR"):
        preflight.check_disk(run)


def test_two_commands_at_once_are_kept_apart(run: RunDir) -> None:
    with (
        preflight.locked(run),
        pytest.raises(DeployError, match="another deploy command is at work here"),
        preflight.locked(run),
    ):
        pass


def test_a_path_too_long_for_a_socket_is_said(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="too long for a socket: set WARREN_RUN_DIR to a shorter one"):
        Supervisor(RunDir(tmp_path / ("x" * 100)))


def test_a_log_that_does_not_exist_is_answered_with_those_that_do(tmp_path: Path) -> None:
    for name in ("gateway-1", "gateway-2", "nginx-discovery", "redis"):
        (tmp_path / f"{name}.log").touch()
    assert [path.stem for path in logs.chosen(tmp_path, "gateway")] == ["gateway-1", "gateway-2"]
    assert [path.stem for path in logs.chosen(tmp_path, "gateway-2")] == ["gateway-2"]
    assert len(logs.chosen(tmp_path, None)) == 4
    with pytest.raises(DeployError, match="no log of 'mail': choose one of gateway, nginx-discovery, redis"):
        logs.chosen(tmp_path, "mail")


def test_the_replica_set_names_the_variable_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ReplicaSetError, match="MONGO_KEY is not set"):
        settings_of({"MONGO_MEMBERS": "a:1,b:1"})
    (tmp_path / "key").write_text("secret\n")
    settings = settings_of(
        {"MONGO_MEMBERS": "a:1, b:1", "MONGO_KEY_FILE": str(tmp_path / "key"), "MONGO_PASSWORD": "p"}
    )
    assert (settings.members, settings.key, settings.database) == (["a:1", "b:1"], "secret", "warren")


@pytest.mark.parametrize(
    ("version", "answer"),
    [("v20.19.0", True), ("v22.1.0", True), ("v20.18.9", False), ("v18.20.1", False), ("", False)],
)
def test_only_a_node_that_can_build_the_app_is_taken(version: str, answer: bool) -> None:
    assert node.is_new_enough(version) is answer


def test_a_mode_that_contradicts_what_is_up_is_refused(tmp_path: Path) -> None:
    mode.remember(tmp_path, mode.NATIVE)
    assert mode.choose(None, tmp_path) == mode.NATIVE
    with pytest.raises(DeployError, match="Warren is up in native mode: stop it first"):
        mode.choose(mode.DOCKER, tmp_path)
    mode.forget(tmp_path)
    assert mode.choose(mode.DOCKER, tmp_path) == mode.DOCKER


def test_docker_is_taken_where_it_answers_and_native_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for answers, chosen in ((True, mode.DOCKER), (False, mode.NATIVE)):
        monkeypatch.setattr(mode, "docker_answers", lambda answers=answers: answers)
        assert mode.choose(None, tmp_path) == chosen


def test_a_command_that_needs_warren_says_how_to_start_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WARREN_RUN_DIR", str(tmp_path))
    assert cli.main(["status", "--native"]) == 1
    assert capsys.readouterr().err == "warren: Warren is not running: start it with ./scripts/deploy-distributed.sh\n"


@pytest.mark.parametrize("arguments", [["--native", "status"], ["status", "--native"], ["--native"]])
def test_the_mode_may_stand_before_or_after_the_command(arguments: list[str]) -> None:
    assert cli.parser().parse_args(arguments).mode == mode.NATIVE


@pytest.mark.parametrize("command", ["up", "status", "logs", "scale", "restart", "down", "infra"])
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    assert "usage:" in capsys.readouterr().out


def test_after_down_the_mode_of_the_data_stays_the_default_until_it_is_wiped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mode, "docker_answers", lambda: True)
    mode.remember(tmp_path, mode.NATIVE)
    mode.forget(tmp_path)
    assert mode.remembered(tmp_path) is None
    assert mode.choose(None, tmp_path) == mode.NATIVE
    mode.forget(tmp_path, wiped=True)
    assert mode.choose(None, tmp_path) == mode.DOCKER
