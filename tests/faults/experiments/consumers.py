"""Consumers that are slow or stop: clients that read little or nothing, a gateway and an owner that hardly run."""

import asyncio
import os
import signal
import time
from dataclasses import replace

from tests.faults.client import Device
from tests.faults.experiment import Act, Experiment, Scene, Since, nothing
from tests.faults.experiments.messaging import find_owner
from tests.faults.load import Plan

BIG_BODY = 7_000
SMALL_BUFFER = 4_096
STOPPED_READERS = 3
SLOW_SHARE = 4
"""One of so many devices reads slowly."""
SLOW_SECONDS = 20.0
RUNS_SECONDS, PAUSES_SECONDS = 0.03, 0.57
BUSY_RATE = 300.0


def big_bodies(plan: Plan) -> Plan:
    return replace(plan, body=BIG_BODY)


def busy(plan: Plan) -> Plan:
    """So much that a program which hardly runs does not keep up with it at once."""
    return replace(plan, rate=max(plan.rate, BUSY_RATE))


async def small_buffers(scene: Scene) -> None:
    """So that the gateway soon notices what is not read."""
    count = max(STOPPED_READERS, _slow_readers(scene))
    scene.load.receive_buffers = {f"{number}a": SMALL_BUFFER for number in range(count)}


def _slow_readers(scene: Scene) -> int:
    return scene.load.plan.users // SLOW_SHARE


def _first(scene: Scene, count: int) -> list[Device]:
    """Of each of the first users one device."""
    return [device for device in scene.load.devices if device.name.endswith("a")][:count]


async def stop_reading(scene: Scene) -> None:
    for device in _first(scene, STOPPED_READERS):
        device.stop_reading()


async def go_on_reading(scene: Scene) -> None:
    for device in _first(scene, STOPPED_READERS):
        device.go_on_reading()


async def read_slowly(scene: Scene) -> None:
    for device in _first(scene, _slow_readers(scene)):
        device.read_slowly()


async def read_quickly(scene: Scene) -> None:
    for device in _first(scene, _slow_readers(scene)):
        device.read_quickly()


async def slow_down(scene: Scene, program: str) -> None:
    """A twentieth of the time is left to it: it is stopped and goes on, all the time."""
    pid = await scene.stack_call(scene.stack.pid, program)
    until = time.monotonic() + SLOW_SECONDS
    try:
        while time.monotonic() < until:
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(PAUSES_SECONDS)
            os.kill(pid, signal.SIGCONT)
            await asyncio.sleep(RUNS_SECONDS)
    finally:
        os.kill(pid, signal.SIGCONT)


async def slow_owner(scene: Scene) -> None:
    await slow_down(scene, scene.kept["owner"])


async def slow_gateway(scene: Scene) -> None:
    await slow_down(scene, scene.chance.choice(scene.stack.gateways).id)


def _slowed(name: str, what: str, inject: Act, look: Act = nothing) -> Experiment:
    return Experiment(
        name,
        f"{what} runs a twentieth of the time for {SLOW_SECONDS:g} s, while much is said",
        inject,
        look=look,
        limit=15,
        since=Since.DONE,
        shape=busy,
    )


EXPERIMENTS = [
    Experiment(
        "stopped-reader",
        f"{STOPPED_READERS} clients do not read for 25 s, while long messages flow",
        stop_reading,
        go_on_reading,
        prepare=small_buffers,
        hold=25,
        limit=15,
        since=Since.HEAL,
        shape=big_bodies,
    ),
    Experiment(
        "slow-readers",
        f"one of {SLOW_SHARE} clients reads some tens of KiB once a second for 25 s, while long messages flow",
        read_slowly,
        read_quickly,
        prepare=small_buffers,
        hold=25,
        limit=15,
        since=Since.HEAL,
        shape=big_bodies,
    ),
    _slowed("slow-gateway", "a gateway", slow_gateway),
    _slowed("slow-owner", "the owner of the rooms", slow_owner, find_owner),
]
