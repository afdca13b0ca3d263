"""What /health/ready says."""

from collections.abc import AsyncIterator

import pytest

from tests.support.virtual_time import pass_time
from warren.chassis.health import CHECK_SECONDS, Health
from warren.chassis.lifecycle import Tasks


@pytest.fixture
async def health(tasks: Tasks) -> AsyncIterator[Health]:
    made = Health("auth", "auth-1", "1.2.3", tasks)
    yield made
    await made.stop()


async def well() -> str:
    return "answers"


async def test_ready_once_everything_was_started_and_every_check_is_well(health: Health) -> None:
    health.add("redis", well)
    assert not health.report().ready
    await health.start()
    await pass_time(0)
    report = health.report()
    assert not report.ready and report.checks["instance"].text.startswith("starting")
    health.serving()
    report = health.report()
    assert report.ready and report.checks["redis"].text == "answers"
    assert (report.service, report.server_id, report.version) == ("auth", "auth-1", "1.2.3")


async def test_a_check_that_was_not_run_yet_is_not_well(health: Health) -> None:
    health.add("redis", well)
    health.serving()
    assert not health.report().ready
    assert health.report().checks["redis"].text == "not checked yet"


async def test_a_failing_dependency_makes_it_unready_with_the_reason_until_it_is_back(health: Health) -> None:
    broken = True

    async def check() -> str:
        if broken:
            raise ConnectionError("refused")
        return "answers"

    health.add("mongodb", check)
    health.serving()
    await health.start()
    await pass_time(0)
    assert not health.report().ready
    assert health.report().checks["mongodb"].text == "ConnectionError: refused"
    broken = False
    await pass_time(CHECK_SECONDS)
    assert health.report().ready


async def test_a_dependency_that_does_not_answer_is_said_to_hang(health: Health) -> None:
    async def hang() -> str:
        await pass_time(1_000)
        return "late"

    health.add("rabbitmq", hang)
    health.serving()
    await health.start()
    await pass_time(CHECK_SECONDS + 0.1)
    assert health.report().checks["rabbitmq"].text == "no answer within 3 s"


async def test_stopping_makes_it_unready_whatever_the_checks_say(health: Health) -> None:
    health.serving()
    assert health.report().ready
    health.stopping()
    assert not health.report().ready and health.report().checks["instance"].text == "stopping"


async def test_a_loss_that_is_known_makes_it_unready_before_the_next_check(health: Health) -> None:
    lost = ""
    health.add("rabbitmq", well)
    health.at_once("rabbitmq", lambda: lost)
    health.serving()
    await health.start()
    await pass_time(0)
    assert health.report().ready
    lost = "no connection"
    assert not health.report().ready and health.report().checks["rabbitmq"].text == "no connection"
    lost = ""
    assert health.report().ready and health.report().checks["rabbitmq"].text == "answers"


async def test_a_figure_is_told_and_never_makes_it_unready(health: Health) -> None:
    health.tell("sockets", lambda: "7 open")
    health.serving()
    report = health.report()
    assert report.ready and report.checks["sockets"].text == "7 open"
