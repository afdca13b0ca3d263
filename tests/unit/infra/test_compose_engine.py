"""Each complaint of the engine becomes one line that says what to do."""

from pathlib import Path

import pytest

from infra.deploy.engine import NO_ANSWER, NO_PERMISSION, Engine, explain
from infra.deploy.errors import DeployError


@pytest.mark.parametrize(
    ("complaint", "advice"),
    [
        (
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            NO_ANSWER,
        ),
        ("permission denied while trying to connect to the Docker daemon socket at unix:///docker.sock", NO_PERMISSION),
        (
            "Error response from daemon: driver failed programming external connectivity on endpoint "
            "warren-nginx-1 (1f): Bind for 127.0.0.1:1 failed: port is already allocated",
            "port 1 is in use: stop that",
        ),
        (
            "Error: failed to set up container networking: driver failed programming external connectivity: "
            "failed to bind host port for 127.0.0.1:1:172.18.0.2:3000/tcp: address already in use",
            "port 1 is in use: stop that",
        ),
        (
            "Error starting userland proxy: listen tcp4 127.0.0.1:1: bind: address already in use",
            "port 1 is in use: stop that",
        ),
        (
            "failed to create network warren_default: Pool overlaps with other one on this address space",
            "WARREN_NETWORK=",
        ),
        ("write /var/lib/docker/tmp/x: no space left on device", "docker system prune"),
        ("Error response from daemon: pull access denied for mongo, repository does not exist", "cannot be fetched"),
        (
            "failed to solve: executor failed running [/bin/sh -c npm run build]: exit code: 1",
            "building an image failed",
        ),
        ("all ports are allocated", "widen WARREN_GATEWAY_PORTS"),
    ],
)
def test_a_known_complaint_says_what_to_do(complaint: str, advice: str) -> None:
    said = explain(f"some progress\n{complaint}\n")
    assert advice in said
    assert "\n" not in said


def test_an_unknown_complaint_is_passed_on_by_its_last_line() -> None:
    assert (
        explain("progress\nError response from daemon: the moon is full\n------\n") == "Docker says: the moon is full"
    )


def test_a_complaint_without_words_is_still_a_sentence() -> None:
    assert explain("") == "Docker says: nothing"


def test_a_machine_without_docker_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match=r"^Docker is not installed"):
        Engine(tmp_path, {"PATH": str(tmp_path)}).check()


def test_an_engine_without_the_compose_plugin_is_told_apart(tmp_path: Path) -> None:
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\n[ "$1" = version ]\n')
    docker.chmod(0o755)
    with pytest.raises(DeployError, match=r"^Docker has no `compose` plugin"):
        Engine(tmp_path, {"PATH": str(tmp_path)}).check()
