"""`python -m infra.deploy.npm ARGUMENTS`: npm in web/, with the Node that builds the web app.

`ci` does nothing when the packages of package-lock.json are installed already.
"""

import os
import subprocess
import sys

from infra.deploy.errors import DeployError
from infra.deploy.install import node
from infra.deploy.run_dir import RunDir
from infra.deploy.web_app import WEB, packages_installed


def main(arguments: list[str]) -> int:
    """npm's exit code; 1 with one line on stderr when there is no Node to be had."""
    try:
        found = node.find(RunDir.of_environment().tools)
    except DeployError as error:
        print(f"warren: {error}", file=sys.stderr)
        return 1
    if arguments[:1] == ["ci"]:
        if packages_installed(WEB):
            return 0
        arguments = ["ci", "--no-audit", "--no-fund"]
    path = f"{found.folder}{os.pathsep}{os.environ.get('PATH', '')}"
    return subprocess.run([*found.npm, *arguments], cwd=WEB, env={**os.environ, "PATH": path}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
