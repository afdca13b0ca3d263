"""Debian and Ubuntu packages, installed without letting them start anything."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from infra.deploy.errors import DeployError

POLICY = Path("/usr/sbin/policy-rc.d")
APT_HELPER = Path("/usr/lib/apt/apt-helper")


def install(packages: Sequence[str]) -> None:
    """Raises DeployError with the command to run when this user may not install, or with apt's own words."""
    command = f"apt-get install -y --no-install-recommends {' '.join(packages)}"
    if shutil.which("apt-get") is None:
        raise DeployError(f"{', '.join(packages)} missing and there is no apt here: install them, then run this again")
    if os.geteuid() != 0:
        raise DeployError(f"{', '.join(packages)} missing: run `sudo {command}`, then this again")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with no_service_starts():
        _apt(["apt-get", "-q", "update"], environment)
        _apt([*command.split(), "-q"], environment)


@contextmanager
def no_service_starts() -> Iterator[None]:
    """While open, apt starts no service of what it installs: Warren runs its own and leaves the system's alone."""
    if POLICY.exists():
        yield  # somebody decided this for the whole machine
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)


def debian_mirror() -> str | None:
    """The Debian mirror that this machine's apt uses, without the last slash; None where apt knows none."""
    if shutil.which("apt-get") is None:
        return None
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    uris = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    return next((uri.rstrip("/") for uri in uris if uri.rstrip("/").endswith("/debian")), None)


def download(url: str, target: Path, sha256: str) -> None:
    """Fetch one file the way apt fetches (its proxies, its mirrors) and check it. Raises DeployError."""
    command = [str(APT_HELPER), "download-file", url, str(target), f"SHA256:{sha256}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        target.unlink(missing_ok=True)
        reason = next((line for line in reversed((done.stdout + done.stderr).splitlines()) if line.strip()), "")
        raise DeployError(f"could not fetch {url}: {reason.strip()}")


def _apt(command: Sequence[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith("E:")]
        reason = errors[0] if errors else f"exit code {done.returncode}"
        raise DeployError(f"`{' '.join(command)}` failed: {reason}")


def first_known(packages: Sequence[str]) -> str:
    """The first of `packages` that this distribution has; names differ between releases."""
    for package in packages:
        shown = subprocess.run(["apt-cache", "show", "--no-all-versions", package], capture_output=True, check=False)
        if shown.returncode == 0 and shown.stdout.strip():
            return package
    return packages[-1]
