"""Which Warren is measured: the one that runs, or one of the measurement's own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.system import DEPLOY, NotRunning
from infra.deploy import mode as modes
from infra.deploy import temporary
from infra.deploy.run_dir import RunDir


@contextmanager
def running() -> Iterator[None]:
    """`bench.system.find` finds a Warren for as long as this lasts.

    That of WARREN_RUN_DIR, left running; or, when none was started there, a new one in a folder and on ports of its
    own, removed with its data at the end, interrupted or not. Raises NotRunning and DeployError.
    """
    run_dir = RunDir.of_environment().root
    match modes.remembered(run_dir):
        case None:
            pass
        case modes.DOCKER:
            raise NotRunning(
                f"the Warren of {run_dir} runs in containers, and its parts are told apart by their processes: set "
                "WARREN_RUN_DIR to an empty folder, and one is started for this measurement"
            )
        case _:
            yield
            return
    print(f"bench: no Warren runs in {run_dir}: starting one for this measurement", file=sys.stderr, flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends in good order, as an interrupt does
    with temporary.warren(_deploy) as environment:
        os.environ.update(environment)
        yield


def _deploy(environment: dict[str, str], *words: str) -> None:
    if subprocess.run([DEPLOY, *words], env=environment, check=False).returncode != 0:
        raise NotRunning(f"`{DEPLOY} {' '.join(words)}` failed, see above")
