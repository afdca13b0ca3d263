"""Consul: from PATH, else the package of Debian 11, the last one made, from this machine's own Debian mirror."""

import platform
import shutil
import subprocess
from pathlib import Path

from infra.deploy.errors import DeployError
from infra.deploy.install import apt

VERSION = "1.8.7+dfsg1-2+b3"
SHA256 = {
    "amd64": "e4e888bba104daba1d9161f49bfc52649a7e4efd45b1a7ead5bc54f2cb9c89d9",
    "arm64": "7318cfa77a7ba6f71dd096e44353279de246ffc6561216ace42353685dcf8255",
}
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def find(tools: Path) -> str:
    """The path of a consul that runs here. Raises DeployError when there is none to be had."""
    if found := shutil.which("consul"):
        return found
    target = tools / f"consul-{VERSION}"
    executable = target / "usr" / "bin" / "consul"
    if not executable.exists():
        _fetch(tools, target)
    return str(executable)


def _fetch(tools: Path, target: Path) -> None:
    architecture = ARCHITECTURES.get(platform.machine(), platform.machine())
    mirror = apt.debian_mirror()
    if mirror is None or architecture not in SHA256:
        raise DeployError(
            "consul is missing and this machine has no Debian mirror to take it from: "
            "install Consul so that `consul` is on PATH, then run this again"
        )
    package = tools / f"consul-{VERSION}.deb"
    path = f"pool/main/c/consul/consul_{VERSION}_{architecture}.deb"
    apt.download(f"{mirror}/{path}", package, SHA256[architecture])
    unfinished = tools / f"{target.name}.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    subprocess.run(["dpkg-deb", "-x", str(package), str(unfinished)], check=True)
    unfinished.rename(target)
    package.unlink()
