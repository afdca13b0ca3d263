"""Networks of clients fail, all come back at once, and acknowledgements get lost on the way."""

import asyncio
import resource
from collections.abc import Callable
from dataclasses import replace

from tests.faults.client import Device
from tests.faults.experiment import Act, Experiment, Scene, Since
from tests.faults.load import Plan
from tests.faults.records import Ready
from tests.faults.timing import moments

LATE_SECONDS = 7.0
NEVER = 1e9


def _halves(scene: Scene) -> tuple[list[Device], list[Device]]:
    """Who is cut first, and who is cut when those are back: so every client is, while others talk."""
    mixed: list[Device] = scene.kept.setdefault(
        "mixed", scene.chance.sample(scene.load.devices, len(scene.load.devices))
    )
    return mixed[: len(mixed) // 2], mixed[len(mixed) // 2 :]


def cutting_each(seconds: float) -> Act:
    async def cut(scene: Scene) -> None:
        first, second = _halves(scene)
        for device in first:
            device.go_offline()
        await asyncio.sleep(seconds)
        for device in first:
            device.go_online()
        for device in second:
            device.go_offline()

    return cut


async def join(scene: Scene) -> None:
    for device in _halves(scene)[1]:
        device.go_online()


async def storm(scene: Scene) -> None:
    for device in scene.load.devices:
        device.cut()


def all_back(limit: float) -> Callable[[Scene], list[str]]:
    """Every device has a connection that is ready within `limit` seconds, whether it has something to say or not."""

    def judge(scene: Scene) -> list[str]:
        begin = moments(scene.recorder.records)["begin"]
        back: dict[str, float] = {}
        for record in scene.recorder.records:
            if isinstance(record, Ready) and record.at > begin:
                back.setdefault(record.device, record.at - begin)
        waits = sorted(back.get(device.name, NEVER) for device in scene.load.devices)
        scene.measured["clients"] = len(waits)
        scene.measured["half of them back after s"], scene.measured["all back after s"] = (
            waits[len(waits) // 2],
            waits[-1],
        )
        return [] if waits[-1] <= limit else [f"the last client is back after {waits[-1]:.1f} s, limit {limit:g} s"]

    return judge


def three_thousand(plan: Plan) -> Plan:
    """Fifty devices each; few messages, as each goes to a hundred devices."""
    return replace(plan, users=60, rooms=60, members=2, rate=5.0, devices=50, churn=False)


async def many_files(_scene: Scene) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def overlooking(share: float) -> Act:
    async def overlook(scene: Scene) -> None:
        for device in scene.load.devices:
            device.conduct.overlook_acks = share

    return overlook


def one_busy_room(plan: Plan) -> Plan:
    return replace(plan, rooms=1, members=plan.users, rate=max(plan.rate, 120.0))


async def try_again_much_later(scene: Scene) -> None:
    """What was stored long ago is in no owner's memory any more: the owners are killed while it is forgotten."""
    for device in scene.load.devices[:5]:
        device.conduct.overlook_acks, device.conduct.again_seconds = 1.0, LATE_SECONDS
    await asyncio.sleep(LATE_SECONDS - 1)
    for name in await scene.stack_call(scene.stack.ids, "messaging"):
        await scene.stack_call(scene.stack.kill, name)
    await asyncio.sleep(LATE_SECONDS)


async def heed(scene: Scene) -> None:
    for device in scene.load.devices:
        device.conduct.overlook_acks, device.conduct.again_seconds = 0.0, 0.3


def _cut_for(seconds: float) -> Experiment:
    return Experiment(
        f"cut-clients-{seconds:g}",
        f"each client has no network for {seconds:g} s, one half after the other",
        cutting_each(seconds),
        join,
        hold=seconds,
        limit=15,
        since=Since.HEAL,
    )


EXPERIMENTS = [
    _cut_for(1),
    _cut_for(10),
    _cut_for(60),
    Experiment("reconnect-storm", "every client is cut at the same moment", storm, limit=10, judge=all_back(10)),
    Experiment(
        "storm-3000",
        "3,000 clients are cut at the same moment",
        storm,
        prepare=many_files,
        limit=30,
        judge=all_back(30),
        shape=three_thousand,
    ),
    Experiment(
        "drop-acks",
        "two of three acknowledgements do not reach their client, which sends again",
        overlooking(0.67),
        overlooking(0.0),
        hold=10,
        limit=10,
        since=Since.HEAL,
    ),
    Experiment(
        "late-retry",
        "five clients send again what was stored hundreds of messages and a crash of all owners ago",
        try_again_much_later,
        heed,
        limit=15,
        since=Since.HEAL,
        shape=one_busy_room,
    ),
]
