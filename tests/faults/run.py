"""One run of one experiment: load, harm, heal, settle, check."""

import asyncio
import contextlib
import gc
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from tests.faults import records
from tests.faults.checker import check
from tests.faults.database import snapshot
from tests.faults.experiment import Experiment, Scene
from tests.faults.load import Load, Plan
from tests.faults.outcomes import SUFFIX, Outcome, outcome_of
from tests.faults.people import Person, Rest, sign_up
from tests.faults.records import Recorder
from tests.support.stack import Stack

WARM_UP_SHARE = 0.3
MOST_BESIDE_SECONDS = (10.0, 30.0)
"""Load before and after the harm is never longer: long runs are long by what is done to them."""
HEALTHY_SECONDS = 90.0
RUNS_OF_PEOPLE = 8


@dataclass
class Laboratory:
    """Runs experiments on one stack. Accounts serve for several runs: each run leaves them rooms that they are in."""

    stack: Stack
    out: Path
    say: Callable[[str], None]
    people: list[Person] = field(default_factory=list)
    _runs: int = 0

    async def run(self, experiment: Experiment, plan: Plan, seconds: float) -> Outcome:
        """Raises AssertionError, TimeoutError, RestError when the run itself could not be made."""
        plan = experiment.shape(plan)
        path = self.out / f"{experiment.name}-{plan.seed}.jsonl"
        recorder, rest = Recorder(path), Rest(self.stack.app)
        self._runs += 1
        if self._runs % RUNS_OF_PEOPLE == 0:
            self.people = []
        if len(self.people) < plan.users:
            self.people += await sign_up(rest, plan.users - len(self.people))
        urls = [self.stack.ws, *(gateway.ws for gateway in self.stack.gateways)]
        load = Load(plan, rest, recorder, self.people[: plan.users], urls)
        scene = Scene(self.stack, load, recorder, random.Random(plan.seed), urls, seconds, self.say)
        gc.disable()  # a collection among millions of records would stop all clients for a moment
        try:
            await experiment.prepare(scene)
            await load.start()
            await self._harm(experiment, scene)
            await self.healthy()
            await load.settle()
        finally:
            await load.stop()
            await experiment.clear(scene)
            recorder.close()
            await rest.close()
            gc.enable()
        database = await asyncio.to_thread(snapshot, self.stack.address("MONGODB_URI"), load.rooms)
        verdict = await asyncio.to_thread(check, recorder.records, database)
        outcome = outcome_of(experiment, plan, verdict, recorder.records)
        outcome.missed = experiment.judge(scene)
        outcome.measured = scene.measured
        path.with_suffix(SUFFIX).write_bytes(msgspec.json.encode(outcome))
        return outcome

    async def _harm(self, experiment: Experiment, scene: Scene) -> None:
        def mark(phase: str) -> None:
            scene.recorder.add(records.Fault(time.monotonic(), experiment.name, phase))
            self.say(f"{experiment.name}: {phase}")

        before, after = MOST_BESIDE_SECONDS
        await asyncio.sleep(min(before, scene.seconds * WARM_UP_SHARE))
        await experiment.look(scene)
        mark("begin")
        await experiment.inject(scene)
        mark("done")
        await asyncio.sleep(experiment.hold)
        mark("heal")
        await experiment.heal(scene)
        mark("healed")
        await asyncio.sleep(min(after, scene.seconds * (1 - WARM_UP_SHARE)))

    async def healthy(self) -> None:
        """What was killed is back, so that the end of this run and the next run have a whole Warren."""
        until = time.monotonic() + HEALTHY_SECONDS
        wrong: list[Any] = ["unknown"]
        while wrong and time.monotonic() < until:
            with contextlib.suppress(AssertionError):  # `status` needs Consul
                status = await asyncio.to_thread(self.stack.status)
                wrong = [one["id"] for one in status["instances"] if one["state"] != "passing"]
            if wrong:
                await asyncio.sleep(0.5)
        if wrong:
            self.say(f"not healthy after {HEALTHY_SECONDS:g} s: {wrong}")
