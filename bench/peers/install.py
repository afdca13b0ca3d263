"""The peers' own packages, in .run/peers: never in the project's environment. Done again when a lock changes."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from bench.system import PROJECT

FOLDER = PROJECT / ".run" / "peers"
HERE = Path(__file__).parent
NODE = HERE / "socketio_node"
PYTHON = HERE / "socketio_python"


class CannotInstall(RuntimeError):
    """A package manager is missing or failed; the message has its words."""


def node_modules() -> Path:
    """The folder that `require` searches."""
    folder = FOLDER / "node"
    lock = NODE / "package-lock.json"
    if not _done(folder, lock):
        _fresh(folder)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(NODE / name, folder / name)
        _run(["npm", "ci", "--no-audit", "--no-fund"], folder)
        _mark(folder, lock)
    return folder / "node_modules"


def uvicorn() -> Path:
    """The program that runs the Python peer."""
    folder = FOLDER / "python"
    lock = PYTHON / "requirements.txt"
    if not _done(folder, lock):
        _fresh(folder)
        _run([sys.executable, "-m", "venv", str(folder / "venv")], folder)
        _run([str(folder / "venv/bin/pip"), "install", "--quiet", "-r", str(lock)], folder)
        _mark(folder, lock)
    return folder / "venv" / "bin" / "uvicorn"


def _done(folder: Path, lock: Path) -> bool:
    mark = folder / "installed"
    return mark.exists() and mark.read_text() == _sum(lock)


def _mark(folder: Path, lock: Path) -> None:
    (folder / "installed").write_text(_sum(lock))


def _sum(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def _fresh(folder: Path) -> None:
    print(f"installing the packages of {folder.name} peers (once) ...", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise CannotInstall(f"{command[0]} is not installed; the peers need it") from error
    if done.returncode != 0:
        raise CannotInstall(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-500:]}")
