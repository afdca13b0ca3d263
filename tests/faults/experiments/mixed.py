"""Anything, at any time."""

import asyncio
import time

from pymongo.errors import PyMongoError

from tests.faults.experiment import Act, Experiment, Scene, Since
from tests.faults.experiments.clients import storm
from tests.faults.experiments.gateways import kill_gateway
from tests.faults.experiments.messaging import (
    find_owner,
    freeze_owner,
    kill_auth,
    kill_owner,
    kill_presence,
    thaw_owner,
)
from tests.faults.experiments.mongodb import freeze_primary, kill_primary, step_down_primary, thaw
from tests.faults.experiments.servers import flush_redis, killing

PAUSE_SECONDS = (2.0, 8.0)
FREEZE_SECONDS = 4.0


async def _kill_owner(scene: Scene) -> None:
    await find_owner(scene)
    await kill_owner(scene)


async def _blink_owner(scene: Scene) -> None:
    await find_owner(scene)
    await freeze_owner(scene)
    await asyncio.sleep(FREEZE_SECONDS)
    await thaw_owner(scene)


async def _blink_primary(scene: Scene) -> None:
    await freeze_primary(scene)
    await asyncio.sleep(FREEZE_SECONDS)
    await thaw(scene)


HARMS: list[Act] = [
    kill_gateway,
    _kill_owner,
    _blink_owner,
    kill_auth,
    kill_presence,
    kill_primary,
    _blink_primary,
    step_down_primary,
    flush_redis,
    storm,
    killing("redis"),
    killing("rabbitmq"),
]


async def anything(scene: Scene) -> None:
    """For as long as the load lasts. A program that is down just now cannot be killed: that round is skipped."""
    until = time.monotonic() + scene.seconds
    while time.monotonic() < until:
        harm = scene.chance.choice(HARMS)
        try:
            await harm(scene)
        except (AssertionError, ProcessLookupError, ValueError, OSError, PyMongoError) as error:
            scene.say(f"not possible just now: {error!r}")
        await asyncio.sleep(scene.chance.uniform(*PAUSE_SECONDS))


EXPERIMENTS = [
    Experiment("random", "random faults, one after the other, before the last is over", anything, limit=60,
               since=Since.DONE),
]  # fmt: skip
