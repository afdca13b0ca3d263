"""Fixtures for tests against the real servers; `tests/support` says how they work."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer

from tests.support import servers as test_servers
from tests.support import spaces
from tests.support import stack as whole_system
from tests.support.processes import Program, stop_all
from tests.support.servers import Servers
from tests.support.sharing import SideBySide
from tests.support.spaces import Space
from tests.support.stack import Stack

StartProgram = Callable[..., Program]
MARKED_FOLDERS = ("integration", "system", "browser")


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """RabbitMQ, MongoDB, Redis and Consul, started when the first test asks for them."""
    with test_servers.running() as running:
        yield running


@pytest.fixture(scope="module")
def space(servers: Servers, request: pytest.FixtureRequest) -> Iterator[Space]:
    """Empty databases and a vhost for the tests of one module."""
    with spaces.space(servers, request.module.__name__.rpartition(".")[2]) as made:
        yield made


@pytest.fixture(scope="module")
def start(space: Space, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartProgram]:
    """`start("auth", JWT_EXPIRE="1h")` runs an instance in the module's space and waits until it is ready
    (`wait=False`: does not). All are stopped after the module's last test."""
    started: list[Program] = []
    logs: Path = tmp_path_factory.mktemp("logs")

    def start_one(service: str, *, wait: bool = True, **variables: str) -> Program:
        program = Program(service, space, logs, **variables)
        started.append(program)
        return program.wait_ready() if wait else program

    yield start_one
    stop_all(started)


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """The whole of Warren, started when the first test asks for it. Its logs are kept when a test fails."""
    with whole_system.running() as running:
        yield running
        if request.session.testsfailed:
            whole_system.keep_logs(running)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> SideBySide:
    return SideBySide(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests carry the mark of their folder, so that `-m "not integration"` works without naming it in each file."""
    for item in items:
        for folder in MARKED_FOLDERS:
            if folder in item.path.parts:
                item.add_marker(folder)
