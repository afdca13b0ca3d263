"""Consumers that are slow or stop: clients that read little or nothing, a gateway and an owner that hardly run."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace

from tests.faults.client import Device
from tests.faults.experiment import Act, Experiment, Scene, Since, nothing
from tests.faults.experiments.messaging import find_owner
from tests.faults.load import Plan

BIG_BODY = 7_000
SMALL_BUFFER = 4_096
READING_SECONDS = 25.0
SLOW_SECONDS = 20.0
RUNS_SECONDS, PAUSES_SECONDS = 0.03, 0.57
BUSY_RATE = 300.0


def big_bodies(plan: Plan) -> Plan:
    return replace(plan, body=BIG_BODY)


def busy(plan: Plan) -> Plan:
    """So much that a program which hardly runs does not keep up with it at once."""
    return replace(plan, rate=max(plan.rate, BUSY_RATE))


def _reading(
    name: str, count: int, how: str, inject: Callable[[Device], None], heal: Callable[[Device], None]
) -> Experiment:
    """One device each of the first `count` users, with a small buffer, so that the gateway soon notices."""

    async def small_buffers(scene: Scene) -> None:
        scene.load.receive_buffers = {f"{number}a": SMALL_BUFFER for number in range(count)}

    def each(act: Callable[[Device], None]) -> Act:
        async def act_on_each(scene: Scene) -> None:
            for device in scene.load.devices:
                if device.name in scene.load.receive_buffers:
                    act(device)

        return act_on_each

    return Experiment(
        name,
        f"{count} clients {how} for {READING_SECONDS:g} s, while long messages flow",
        each(inject),
        each(heal),
        prepare=small_buffers,
        hold=READING_SECONDS,
        limit=15,
        since=Since.HEAL,
        shape=big_bodies,
    )


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
    _reading("stopped-reader", 3, "do not read", Device.stop_reading, Device.go_on_reading),
    _reading("slow-readers", 5, "read some tens of KiB once a second", Device.read_slowly, Device.read_quickly),
    _slowed("slow-gateway", "a gateway", slow_gateway),
    _slowed("slow-owner", "the owner of the rooms", slow_owner, find_owner),
]
