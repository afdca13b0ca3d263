"""What an experiment is: some harm, perhaps its end, and how soon all must be well again."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from tests.faults import records
from tests.faults.load import Load, Plan
from tests.faults.records import Recorder
from tests.support.stack import Stack


class Since(Enum):
    """From which moment recovery is counted: the harm begins, it is done, or its end begins."""

    BEGIN = "begin"
    DONE = "done"
    HEAL = "heal"


@dataclass
class Scene:
    """What an experiment acts on. `kept` is for what `heal` has to know of `inject`."""

    stack: Stack
    load: Load
    recorder: Recorder
    chance: random.Random
    urls: list[str]
    seconds: float
    say: Callable[[str], None]
    kept: dict[str, Any] = field(default_factory=dict)
    measured: dict[str, float] = field(default_factory=dict)
    """What this experiment measures besides; goes into the report."""

    def quorum(self, there: bool) -> None:
        self.recorder.add(records.Quorum(time.monotonic(), there))

    async def stack_call(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """What blocks (the deployment command, signals) runs beside the load."""
        return await asyncio.to_thread(work, *arguments)


Act = Callable[[Scene], Awaitable[None]]


async def nothing(_scene: Scene) -> None:
    """The harm ends by itself, or it has no end."""


@dataclass(frozen=True)
class Experiment:
    """`limit`: seconds until messages flow to everybody again. `hold`: seconds between harm and heal. `prepare` runs
    before the load, `look` just before the harm, `clear` after everything."""

    name: str
    what: str
    inject: Act
    heal: Act = nothing
    prepare: Act = nothing
    look: Act = nothing
    clear: Act = nothing
    hold: float = 0.0
    limit: float = 15.0
    judge: Callable[[Scene], list[str]] = lambda _scene: []
    since: Since = Since.BEGIN
    shape: Callable[[Plan], Plan] = lambda plan: plan
