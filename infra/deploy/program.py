"""One supervised process as a value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

RUN_MARK = "WARREN_RUN"  # every process carries its run directory in this variable, so that leftovers can be told


@dataclass(frozen=True)
class Program:
    """What the supervisor keeps running.

    ports: every port it listens on -> what for. stop_seconds: from SIGTERM to SIGKILL.
    """

    name: str
    command: Sequence[str | Path]
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path = Path("/")
    ports: Mapping[int, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    stop_seconds: int = 25
    open_files: int | None = None
