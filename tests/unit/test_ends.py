"""Sessions and outboxes in every order of events, in a process of its own: see ends.py."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from tests.process import ROOT

#: Seconds of processor time that it may take, far more than it takes; and until it must be stuck, on any machine.
PROCESSOR, STUCK = 110, 550


@pytest.mark.timeout(STUCK + 50)
def test_whatever_ends_a_client_ends_it_once_and_nothing_begins_inside_of_itself() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.ends"], capture_output=True, text=True, cwd=ROOT, timeout=STUCK, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR, PROCESSOR)),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
