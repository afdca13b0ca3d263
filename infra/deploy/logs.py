"""Which log files a name means, and how they are shown."""

from collections.abc import Sequence
from pathlib import Path

from infra.deploy.errors import DeployError

LINES = 40


def chosen(folder: Path, name: str | None) -> list[Path]:
    """The log files of everything, or of a service (`gateway`), an instance (`gateway-2`) or a server (`mongo`).

    Raises DeployError listing the names there are.
    """
    files = sorted(folder.glob("*.log"))
    if name is None:
        return files
    found = [file for file in files if file.stem == name] or [file for file in files if service_of(file.stem) == name]
    if not found:
        known = sorted({service_of(file.stem) for file in files})
        raise DeployError(f"there is no log of {name!r}: choose one of {', '.join(known) or 'none yet'}")
    return found


def service_of(program: str) -> str:
    """gateway-2 -> gateway; nginx-discovery stays."""
    stem, _, number = program.rpartition("-")
    return stem if number.isdigit() else program


def tail_command(files: Sequence[Path], follow: bool) -> list[str]:
    """-F and not -f: the supervisor renames a log when it has grown."""
    return ["tail", f"--lines={LINES}", *(["-F"] if follow else []), *map(str, files)]
