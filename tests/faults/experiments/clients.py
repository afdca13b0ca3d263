"""Networks of clients fail, all come back at once, some do not read, and acknowledgements get lost on the way."""

from dataclasses import replace

from tests.faults.client import Device
from tests.faults.experiment import Act, Experiment, Scene, Since
from tests.faults.load import Plan

BIG_BODY = 7_000
SMALL_BUFFER = 4_096


def _half(scene: Scene) -> list[Device]:
    chosen: list[Device] = scene.kept.setdefault(
        "half", scene.chance.sample(scene.load.devices, len(scene.load.devices) // 2)
    )
    return chosen


async def cut(scene: Scene) -> None:
    for device in _half(scene):
        device.go_offline()


async def join(scene: Scene) -> None:
    for device in _half(scene):
        device.go_online()


async def storm(scene: Scene) -> None:
    for device in scene.load.devices:
        device.cut()


def _readers(scene: Scene) -> list[Device]:
    return scene.load.devices[:3]


async def small_buffers(scene: Scene) -> None:
    scene.load.receive_buffers = {"0a": SMALL_BUFFER, "1a": SMALL_BUFFER, "2a": SMALL_BUFFER}


async def stop_reading(scene: Scene) -> None:
    for device in _readers(scene):
        device.stop_reading()


async def go_on_reading(scene: Scene) -> None:
    for device in _readers(scene):
        device.go_on_reading()


def big_bodies(plan: Plan) -> Plan:
    return replace(plan, body=BIG_BODY)


def overlooking(share: float) -> Act:
    async def overlook(scene: Scene) -> None:
        for device in scene.load.devices:
            device.conduct.overlook_acks = share

    return overlook


def _cut_for(seconds: float) -> Experiment:
    return Experiment(
        f"cut-clients-{seconds:g}",
        f"half of the clients have no network for {seconds:g} s",
        cut,
        join,
        hold=seconds,
        limit=15,
        since=Since.HEAL,
    )


EXPERIMENTS = [
    _cut_for(1),
    _cut_for(10),
    _cut_for(60),
    Experiment("reconnect-storm", "every client is cut at the same moment", storm, limit=10),
    Experiment(
        "stopped-reader",
        "three clients do not read for 25 s, while long messages flow",
        stop_reading,
        go_on_reading,
        prepare=small_buffers,
        hold=25,
        limit=15,
        since=Since.HEAL,
        shape=big_bodies,
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
]
