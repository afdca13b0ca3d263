"""Builds the web app into web/dist, when its sources changed since the last time."""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from infra.deploy.errors import DeployError
from infra.deploy.install import node
from infra.deploy.program import RUN_MARK
from infra.deploy.progress import Progress
from infra.deploy.run_dir import PROJECT, RunDir, write_private

WEB = PROJECT / "web"
# Made by tools, or no part of what is served.
LEFT_OUT = {"node_modules", "dist", "coverage", "test-results", "playwright-report", ".vite"}


def ensure_built(run: RunDir, progress: Progress) -> None:
    """Raises DeployError with the log's path when npm or the build fails."""
    stamp = run.tools / "web-app.sha256"
    wanted = checksum(WEB)
    if (WEB / "dist" / "index.html").exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    if not (WEB / "package.json").exists():
        raise DeployError("web/package.json is missing: this checkout is not complete, run `git checkout -- web`")
    with progress.step("build the web app"):
        found = node.find(run.tools)
        path = f"{found.folder}{os.pathsep}{os.environ.get('PATH', '')}"
        # Marked as ours, so that it is ended when starting Warren fails meanwhile.
        environment = {**os.environ, "PATH": path, RUN_MARK: str(run.root)}
        environment.pop("NODE_ENV", None)  # npm would leave the build tools out when it says production
        log = run.logs / "web-build.log"
        log.unlink(missing_ok=True)
        if not packages_installed(WEB):
            _run([*found.npm, "ci", "--no-audit", "--no-fund"], environment, log)
        _run([*found.npm, "run", "build"], environment, log)
    write_private(stamp, wanted)


def packages_installed(folder: Path) -> bool:
    """Whether npm installed since package-lock.json last changed; npm writes a lock of its own when it has."""
    installed, wanted = folder / "node_modules" / ".package-lock.json", folder / "package-lock.json"
    return installed.exists() and installed.stat().st_mtime >= wanted.stat().st_mtime


def checksum(folder: Path) -> str:
    """Of every source file's path and content."""
    total = hashlib.sha256()
    for path in sorted(_sources(folder)):
        total.update(f"{path.relative_to(folder)}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _sources(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.name in LEFT_OUT or path.is_symlink():
            continue
        if path.is_dir():
            yield from _sources(path)
        else:
            yield path


def _run(command: list[str], environment: dict[str, str], log: Path) -> None:
    with log.open("a") as output:
        done = subprocess.run(
            command, cwd=WEB, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
        )
    if done.returncode != 0:
        raise DeployError(f"building the web app failed (npm {' '.join(command[-2:])}): see {log}")
