import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from infra.deploy import process_groups, web_app
from infra.deploy.run_dir import PROJECT
from infra.deploy.together import together

SLEEPER = "import os, sys; from pathlib import Path; from infra.deploy import process_groups as g; \
g.record(Path(sys.argv[1]), 'nginx'); print(flush=True); os.execvp('sleep', ['sleep', '60'])"


def sleeper(folder: Path) -> subprocess.Popen[str]:
    """A process that wrote down its group and is ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", SLEEPER, str(folder)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_what_is_left_in_a_programs_group_is_found_and_ended(tmp_path: Path) -> None:
    with sleeper(tmp_path) as process:
        assert process_groups.members(tmp_path, "nginx") == [process.pid]
        assert process_groups.members(tmp_path, "redis") == []
        process_groups.end([process.pid], grace_seconds=5)
        assert process.wait() == -15
    assert process_groups.members(tmp_path) == []


def test_a_group_of_before_the_last_boot_is_nobodys(tmp_path: Path) -> None:
    with sleeper(tmp_path) as process:
        group, session, _ = (tmp_path / "nginx").read_text().split()
        (tmp_path / "nginx").write_text(f"{group} {session} another-boot\n")
        assert process_groups.members(tmp_path) == []
        process.kill()


def test_the_launcher_becomes_the_program_with_its_settings(tmp_path: Path) -> None:
    spec = tmp_path / "spec.json"
    command = [sys.executable, "-c", "import os; print(os.environ['X'], os.getcwd())"]
    spec.write_text(
        json.dumps(
            {
                "name": "a",
                "groups": str(tmp_path / "groups"),
                "command": command,
                "environment": {"X": 'say "hi" 100%'},
                "directory": str(tmp_path),
                "open_files": 64,
            }
        )
    )
    launch = [sys.executable, "-S", "-m", "infra.deploy.launch", str(spec), "sum"]
    done = subprocess.run(launch, cwd=PROJECT, capture_output=True, text=True, check=True, process_group=0)
    assert done.stdout == f'say "hi" 100% {tmp_path}\n'


def test_together_gives_results_in_order_and_the_first_error_at_once() -> None:
    assert together([lambda: 1, lambda: 2]) == [1, 2]
    never = threading.Event()

    def fail() -> bool:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        together([never.wait, fail])
    never.set()


def test_the_app_is_built_again_only_when_a_source_changed(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    source = tmp_path / "src" / "main.ts"
    source.write_text("1")
    first = web_app.checksum(tmp_path)
    for made in ("dist", "node_modules"):
        (tmp_path / made).mkdir()
        (tmp_path / made / "x.js").touch()
    assert web_app.checksum(tmp_path) == first
    source.write_text("2")
    assert web_app.checksum(tmp_path) != first


def test_packages_are_installed_again_only_when_the_lock_is_newer(tmp_path: Path) -> None:
    lock, installed = tmp_path / "package-lock.json", tmp_path / "node_modules" / ".package-lock.json"
    lock.touch()
    assert not web_app.packages_installed(tmp_path)
    installed.parent.mkdir()
    installed.touch()
    os.utime(lock, (1000, 1000))
    assert web_app.packages_installed(tmp_path)
    os.utime(installed, (500, 500))
    assert not web_app.packages_installed(tmp_path)
