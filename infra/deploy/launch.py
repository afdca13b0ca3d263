"""Becomes the program of a JSON file: `python -S -m infra.deploy.launch SPEC.json CHECKSUM`. Standard library only.

supervisord's own configuration has quoting rules that break on some values, it cannot set limits, and it does not know
of workers that outlive their killed parent and keep its ports.
"""

import json
import os
import resource
import sys
from pathlib import Path

from infra.deploy import process_groups


def main() -> None:
    spec = json.loads(Path(sys.argv[1]).read_text())
    groups = Path(spec["groups"])
    process_groups.end(process_groups.members(groups, spec["name"]), grace_seconds=0)
    process_groups.record(groups, spec["name"])
    if spec["open_files"]:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = spec["open_files"] if most == resource.RLIM_INFINITY else min(spec["open_files"], most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    os.chdir(spec["directory"])
    command = spec["command"]
    os.execvpe(command[0], command, {**os.environ, **spec["environment"]})  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main()
