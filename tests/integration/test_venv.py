"""tools/venv.sh: what `make run` begins with, on a machine that has nothing yet, or something that was interrupted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.process import ROOT, environment
from tests.waiting import PATIENCE


@pytest.mark.long
def test_a_virtual_environment_whose_making_was_interrupted_is_made_anew(tmp_path: Path) -> None:
    folder, requirements = tmp_path / "venv", tmp_path / "requirements.txt"
    requirements.touch()
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=4 * PATIENCE)
    for pip in (folder / "bin").glob("pip*"):
        pip.unlink()
    command: list[str | Path] = [ROOT / "tools" / "venv.sh", sys.executable, folder, requirements]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=8 * PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    assert (folder / "bin" / "pip").exists()


def of_a_lock(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    """What it ends with for a lock of this line."""
    lock = folder / "requirements.lock"
    lock.write_text(line + "\n", encoding="utf-8")
    command: list[str | Path] = [ROOT / "tools" / "venv.sh", sys.executable, folder / "venv", lock]
    return subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=8 * PATIENCE, check=False)


@pytest.mark.long
def test_of_a_lock_nothing_is_installed_whose_checksum_is_another_or_is_not_there(tmp_path: Path) -> None:
    with_another = f"itsdangerous==2.2.0 --hash=sha256:{'0' * 64}"
    for line, said in ((with_another, "DO NOT MATCH THE HASHES"), ("itsdangerous==2.2.0", "Hashes are required")):
        done = of_a_lock(tmp_path, line)
        assert done.returncode != 0, done.stdout
        assert said in done.stderr
        assert not [*(tmp_path / "venv").glob("lib/*/site-packages/itsdangerous*")]
