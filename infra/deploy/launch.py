"""Becomes the program of a JSON file: `launch.py SPEC.json CHECKSUM`. Run by path and with the standard library only.

supervisord's own configuration has quoting rules that break on some values, and it cannot set limits.
"""

import json
import os
import resource
import sys
from pathlib import Path


def main() -> None:
    spec = json.loads(Path(sys.argv[1]).read_text())
    if spec["open_files"]:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = spec["open_files"] if most == resource.RLIM_INFINITY else min(spec["open_files"], most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    os.chdir(spec["directory"])
    command = spec["command"]
    os.execvpe(command[0], command, {**os.environ, **spec["environment"]})  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main()
