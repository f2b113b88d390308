"""Every Python from 3.11 to 3.14 that is on this machine: the bridge and its demo start without a word, and it relays.

The tests run on their own Python; the bridge on the other one, in an environment under build/ that is kept.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.process import ROOT, Bridge, environment
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]  # its libraries are installed for each

MINORS = range(11, 15)
#: The wire both ways, presence, recovery, handlers, a server that goes and comes.
SOME = ("test_relay", "test_payloads", "test_recovery", "test_handlers_examples", "test_link_down")


def interpreter(minor: int) -> str | None:
    """Of this version: the one of the tests, of the PATH, or of pyenv."""
    if sys.version_info[:2] == (3, minor):
        return sys.executable
    kept = sorted((Path.home() / ".pyenv" / "versions").glob(f"3.{minor}.*/bin/python3.{minor}"))
    named = shutil.which(f"python3.{minor}")
    found = [*map(str, kept), *([named] if named and "shims" not in named else [])]
    return found[-1] if found else None


@pytest.fixture(scope="module", params=MINORS, ids=lambda minor: f"3.{minor}")
def python(request: pytest.FixtureRequest) -> str:
    """One with the bridge's libraries."""
    minor: int = request.param
    base = interpreter(minor)
    if base is None:
        pytest.skip(f"Python 3.{minor} is not on this machine")
    if base == sys.executable:
        return base
    folder = ROOT / "build" / "pythons" / f"3.{minor}"
    installed = folder / "requirements.lock"
    wanted = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    if not installed.exists() or installed.read_text(encoding="utf-8") != wanted:
        subprocess.run([base, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "-r", str(ROOT / "requirements.lock")], check=True)
        installed.write_text(wanted, encoding="utf-8")
    return str(folder / "bin" / "python")


@pytest.fixture
def demo(python: str) -> Iterator[Bridge]:
    with Bridge("--demo", program=(python,)) as bridge:
        yield bridge


def test_it_starts_with_its_demo_and_says_nothing_but_where_it_is(demo: Bridge, python: str) -> None:
    assert "<canvas" in requests.get(demo.url, timeout=PATIENCE).text
    demo.said("= connected")
    assert demo.stop() == 0
    loud = ("warning", "error", "traceback", "rlock", "deprecat")
    assert not [line for line in demo.log.entries if any(word in line.lower() for word in loud)]


def test_it_relays_recovers_and_takes_handlers(python: str) -> None:
    files = [f"tests/integration/{name}.py" for name in SOME]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *files]
    env = {**environment(BRIDGE_TEST_PYTHON=python), "PYTEST_ADDOPTS": ""}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, check=False)
    assert done.returncode == 0, done.stdout[-5000:]


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("minor", MINORS)
def test_the_lock_has_what_each_python_needs_on_linux(tmp_path: Path, minor: int, machine: str) -> None:
    """Also where that Python is not: pip takes the files that it would take there, and compares their checksums."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--only-binary=:all:"]
    platforms = [f"--platform={tag}_{machine}" for tag in ("manylinux2014", "manylinux_2_17", "manylinux_2_28")]
    there = [f"--target={tmp_path}", f"--python-version=3.{minor}", "--implementation=cp", *platforms]
    command = [*pip, *there, "--require-hashes", "-r", str(ROOT / "requirements.lock")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
