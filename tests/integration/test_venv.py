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
