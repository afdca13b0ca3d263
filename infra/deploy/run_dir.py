"""The run directory: where everything of a native Warren lives, and the secrets in it.

.run/ (or WARREN_RUN_DIR)
  mode, up      which mode was used last, and whether it is up
  topology.json  how many instances are wanted
  env           KEY=value lines: addresses of the servers, for tests and tools (0600)
  secrets/      one value a file (0600)       tools/         what was downloaded
  conf/         rendered configuration        data/          what the servers keep
  logs/         one log a program             supervisor.*   socket and pid of the supervisor
  groups/       process group of each program port-offset    which ports the data was made with
"""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class RunDir:
    """Paths below one run directory. Folders are made when first asked for."""

    root: Path

    @classmethod
    def of_environment(cls) -> "RunDir":
        return cls(Path(os.environ.get("WARREN_RUN_DIR") or PROJECT / ".run").absolute())

    def folder(self, *names: str) -> Path:
        path = self.root.joinpath(*names)
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def conf(self) -> Path:
        return self.folder("conf")

    @property
    def logs(self) -> Path:
        return self.folder("logs")

    @property
    def tools(self) -> Path:
        """Shared by all run directories of the project, as nothing in it belongs to one."""
        tools = Path(os.environ.get("WARREN_TOOLS_DIR") or PROJECT / ".run" / "tools")
        tools.mkdir(parents=True, exist_ok=True)
        return tools

    def data(self, server: str) -> Path:
        return self.folder("data", server)

    def secret(self, name: str, bytes_of_chance: int = 24) -> str:
        """The secret of that name, made at random (hexadecimal) the first time it is asked for."""
        path = self.secret_path(name)
        if not path.exists():
            write_private(path, secrets.token_hex(bytes_of_chance))
        return path.read_text().strip()

    def secret_path(self, name: str) -> Path:
        folder = self.folder("secrets")
        folder.chmod(0o700)
        return folder / name

    def write_conf(self, name: str, text: str) -> Path:
        """Write a rendered file below conf/, readable by this user only, as some hold passwords."""
        path = self.conf / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, text)
        return path


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody else may read, whole or not at all."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.new")
    unfinished.touch(mode=0o600)
    unfinished.write_text(text)
    unfinished.replace(path)
