"""Where the bridge can't run it says so in one line, and what would do: another system, an old Python, no libraries."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import venv
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from bridge.needs import LIBRARIES
from tests.process import ROOT, environment
from tools.pins import ranges


def said_by(*command: str) -> str:
    """The one line that app.py ends with. 1, not 2: nothing is wrong with the settings."""
    done = subprocess.run(
        [*command], capture_output=True, text=True, timeout=60, env=environment(), cwd=ROOT, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("bridge: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def old_pythons() -> list[str]:
    """Those that are too old, where there are any: of the system's, and of pyenv. Older ones don't read app.py."""
    named = [shutil.which(f"python3.{minor}") for minor in range(8, 11)]
    kept = sorted((Path.home() / ".pyenv" / "versions").glob("3.*/bin/python"))
    found = [path for path in [*named, *map(str, kept)] if path and "shims" not in path]
    return [path for path in found if 8 <= version(path) < 11]


def version(python: str) -> int:
    """The 11 of 3.11."""
    command = [python, "-c", "import sys; print(sys.version_info[1])"]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_a_python_without_the_libraries_says_to_run_make_run_first(tmp_path: Path) -> None:
    venv.create(tmp_path, with_pip=False)
    said = said_by(str(tmp_path / "bin" / "python"), "app.py", "--demo")
    assert "this Python has no flask: run make run first" in said


def pretending(change: str) -> list[str]:
    """app.py, started by a Python that takes itself for another one."""
    return [sys.executable, "-c", f"import sys, runpy; sys.{change}; runpy.run_path('app.py', run_name='__main__')"]


def test_an_old_python_is_named_and_what_is_needed() -> None:
    commands = [pretending("version_info = (3, 8, 10)"), *([python, "app.py"] for python in old_pythons())]
    for command in commands:
        wanted = r"needs Python 3\.11 or newer, and this is 3\.\d+\.\d+: make run PYTHON="
        assert re.search(wanted, said_by(*command)), command


@pytest.mark.parametrize(("platform", "word"), [("win32", "WSL"), ("darwin", "container")])
def test_windows_and_macos_are_told_what_would_do(platform: str, word: str) -> None:
    assert word in said_by(*pretending(f"platform = {platform!r}"))


def test_the_libraries_that_are_looked_for_are_those_that_are_installed() -> None:
    by_name = {name: {one.lower().replace("_", "-") for one in of} for name, of in packages_distributions().items()}
    assert set().union(*(by_name[library] for library in LIBRARIES)) == {name.lower() for name in ranges()}
