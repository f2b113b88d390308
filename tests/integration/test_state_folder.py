"""`--state-dir`: a folder, a file in it or a link that is somebody else's keeps the bridge from starting."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.process import ROOT, Bridge, environment

OTHER = 12345  # nobody's id
ROOTS = Path("/usr/share")


def foreign(tmp_path: Path, what: str) -> tuple[Path, tuple[str, ...]]:
    """A state folder that is somebody else's in this respect, and what the bridge is run with. Only root can give files
    away; for others, root's own are somebody else's in a namespace that does not know root."""
    if os.geteuid() != 0:
        return ROOTS, ("unshare", "--user", "--map-root-user")
    state = tmp_path / "state"
    (state / "deep").mkdir(parents=True)
    (state / "key").write_text("0" * 64)
    if what == "link":
        (tmp_path / "link").symlink_to(state)
        state = tmp_path / "link"
    os.chown({"folder": state, "link": state}.get(what, state / what), OTHER, -1, follow_symlinks=False)
    return state, ()


@pytest.mark.parametrize("what", ["folder", "key", "link"])
@pytest.mark.parametrize("check", [(), ("--check",)])
def test_a_state_folder_of_somebody_else_is_refused(tmp_path: Path, what: str, check: tuple[str, ...]) -> None:
    state, within = foreign(tmp_path, what)
    mode = state.stat().st_mode
    command = [
        *within,
        sys.executable,
        str(ROOT / "app.py"),
        "--demo",
        "--port",
        "0",
        "--state-dir",
        str(state),
        *check,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment(), cwd=ROOT, check=False)
    assert done.returncode == 2, done
    assert str(state) in done.stderr
    assert "--state-dir" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert state.stat().st_mode == mode  # it was left as it was


def test_a_state_folder_that_is_not_used_may_be_anybodys(tmp_path: Path) -> None:
    state, within = foreign(tmp_path, "folder")
    command = [*within, sys.executable, str(ROOT / "app.py")]
    with Bridge("--demo", "--state-dir", str(state), "--recovery", "off", command=command) as bridge:
        assert bridge.status()["version"]
