"""Flame graphs of a gateway and of the owner while they are loaded: py-spy samples them from outside."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

from bench.system import MARK, PROJECT, System

FOLDER = PROJECT / ".run" / "py-spy"
SAMPLES_A_SECOND = 200
PROFILED = ("services.gateway", "services.messaging")


class CannotProfile(RuntimeError):
    """py-spy is not there, or may not look at other processes; the message has its words."""


def py_spy() -> str:
    """The program; installed into .run/py-spy when it is not on PATH."""
    found = shutil.which("py-spy")
    if found:
        return found
    program = FOLDER / "bin" / "py-spy"
    if not program.exists():
        for command in ([sys.executable, "-m", "venv", FOLDER], [FOLDER / "bin/pip", "install", "--quiet", "py-spy"]):
            done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise CannotProfile(f"py-spy could not be installed: {done.stderr.strip()[-300:]}")
    return str(program)


async def record(system: System, seconds: float, folder: Path) -> list[Path]:
    """One SVG for the busiest process of each of PROFILED. Raises CannotProfile."""
    program = py_spy()
    jobs = []
    for module in PROFILED:
        path = folder / f"flame-{module.removeprefix('services.')}.svg"
        jobs.append(_record(program, busiest(system, module), seconds, path))
    return list(await asyncio.gather(*jobs))


async def _record(program: str, pid: int, seconds: float, path: Path) -> Path:
    command = [program, "record", "--pid", str(pid), "--duration", str(round(seconds)), "--rate", str(SAMPLES_A_SECOND)]
    command.append("--gil")  # threads that wait for work are no work
    process = await asyncio.create_subprocess_exec(
        *command, "--output", str(path), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, words = await process.communicate()
    if process.returncode != 0:
        raise CannotProfile(f"py-spy: {words.decode(errors='replace').strip()[-300:]}")
    await asyncio.to_thread(_without_our_folder, path)
    return path


def _without_our_folder(path: Path) -> None:
    """The title has the command, with the folder of whoever ran it."""
    path.write_text(path.read_text().replace(f"{PROJECT}/", ""))


def busiest(system: System, module: str) -> int:
    """The process of `module` that has used most CPU so far: of messaging, the one that owns the rooms."""
    mark = f"{MARK}={system.run_dir}".encode()
    used: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if module.encode() not in (folder / "cmdline").read_bytes():
                continue
            if mark not in (folder / "environ").read_bytes().split(b"\0"):
                continue
            fields = (folder / "stat").read_text().rpartition(") ")[2].split()
        except OSError:
            continue  # it ended meanwhile
        used[int(folder.name)] = int(fields[11]) + int(fields[12])
    if not used:
        raise CannotProfile(f"no process of {module} runs")
    return max(used, key=lambda pid: used[pid])
