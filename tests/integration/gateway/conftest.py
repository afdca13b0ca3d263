"""A gateway with every service behind it, for each module that asks, and two people."""

from collections.abc import Iterator

import httpx
import pytest

from tests.conftest import StartProgram
from tests.integration.gateway.people import Person, sign_up
from tests.support.processes import Program


@pytest.fixture(scope="module")
def messaging(start: StartProgram) -> Program:
    return start("messaging", wait=False)


@pytest.fixture(scope="module")
def gateway(start: StartProgram, messaging: Program) -> Program:
    others = [start(service, wait=False) for service in ("auth", "presence", "gateway")]
    for program in (messaging, *others):
        program.wait_ready()
    return others[-1]


@pytest.fixture(scope="module")
def api(gateway: Program) -> str:
    return f"{gateway.url}/api/v1"


@pytest.fixture
def anonymous(api: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=api, trust_env=False, timeout=10) as client:
        yield client


@pytest.fixture
def ada(api: str) -> Iterator[Person]:
    person = sign_up(api)
    yield person
    person.http.close()


@pytest.fixture
def bob(api: str) -> Iterator[Person]:
    person = sign_up(api)
    yield person
    person.http.close()
