"""The Containerfile, without a container: what it copies is enough, and its commands do what they are there for.

That the bridge ends in order as process 1, tests/integration/test_signals.py shows.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from bridge.config import SETTINGS
from tests.process import ROOT, Bridge, environment
from tests.waiting import PATIENCE

#: Its lines, each that goes on in the next one made one.
LINES = (ROOT / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()


def instruction(name: str) -> list[str]:
    """What stands behind each of this name."""
    return [line.partition(" ")[2] for line in LINES if line.startswith(f"{name} ")]


def argv(text: str) -> list[str]:
    """A command, run by the Python of the tests."""
    name, *rest = json.loads(text[text.index("[") :])
    assert name == "python"
    return [sys.executable, *rest]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The folder as it is in the image."""
    for copied in instruction("COPY"):
        source, target = copied.split()
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, tmp_path / target)
        else:
            shutil.copy(ROOT / source, tmp_path / target)
    return tmp_path


def test_what_the_containerfile_copies_is_all_that_the_bridge_needs(image: Path) -> None:
    with Bridge("--demo", command=argv(instruction("ENTRYPOINT")[0]), cwd=image) as bridge:
        assert "<canvas" in requests.get(bridge.url, timeout=PATIENCE).text
        assert requests.get(f"{bridge.url}/static/bridge/emitform.js", timeout=PATIENCE).ok
        assert bridge.stop() == 0


def test_the_health_check_passes_while_the_bridge_serves_and_fails_when_it_does_not() -> None:
    def health(port: int) -> int:
        command = argv(instruction("HEALTHCHECK")[0])
        env = environment(BRIDGE_PORT=str(port), http_proxy="http://127.0.0.1:9")
        return subprocess.run(command, env=env, stderr=subprocess.DEVNULL, timeout=PATIENCE, check=False).returncode

    with Bridge("--demo") as bridge:
        assert health(bridge.port) == 0
        bridge.stop()
        assert health(bridge.port) != 0


def test_the_variables_are_settings_and_the_user_is_not_root() -> None:
    variables = re.findall(r"(\w+)=\S+", instruction("ENV")[0])
    assert set(variables) <= {item.variable for item in SETTINGS.values()}
    assert int(instruction("USER")[0]) > 0


def test_no_more_is_sent_to_the_engine_than_is_copied() -> None:
    allowed = re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(allowed) == {copied.split()[0] for copied in instruction("COPY")}
