"""Sessions and outboxes in every order of events, in a process of its own: see ends.py."""

from __future__ import annotations

import subprocess
import sys

from tests.process import ROOT


def test_whatever_ends_a_client_ends_it_once_and_nothing_begins_inside_of_itself() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.ends"], capture_output=True, text=True, cwd=ROOT, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr
