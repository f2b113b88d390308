"""The bridge as its users run it: app.py in a process of its own, on a free port.

Use: `with Bridge("--server", server.address) as bridge: requests.get(bridge.url + "/healthz")`.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests

from tests.forks import Forked, fork, same_network
from tests.waiting import PATIENCE, Log

__all__ = ["ROOT", "Bridge", "check_all", "run_app"]

ROOT = Path(__file__).resolve().parent.parent
#: What runs the bridge: another Python than that of the tests in tests/integration/test_pythons.py.
PYTHON = os.environ.get("BRIDGE_TEST_PYTHON", sys.executable)


def environment(**extra: str) -> dict[str, str]:
    """This process's environment without settings of a bridge."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("BRIDGE_")}
    return {**clean, "PYTHONUNBUFFERED": "1", **extra}


def run_app(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run app.py to its end."""
    command = [PYTHON, str(ROOT / "app.py"), *args]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=environment(**env), cwd=ROOT, check=False
    )


#: `main` for each list of arguments; what it returned and wrote to stderr, as JSON.
CHECK_ALL = """
import contextlib, io, json, sys
import app
answers = []
for args in json.load(sys.stdin):
    with contextlib.redirect_stderr(io.StringIO()) as said, contextlib.redirect_stdout(io.StringIO()):
        code = app.main([*args, "--check"])
    answers.append((code, said.getvalue()))
print(json.dumps(answers))
"""


def check_all(commands: Sequence[Sequence[str]]) -> list[tuple[int, str]]:
    """What `app.py … --check` ends with for each of them, exit code and stderr, in one process."""
    done = subprocess.run(
        [PYTHON, "-c", CHECK_ALL], input=json.dumps([list(each) for each in commands]),
        capture_output=True, text=True, timeout=60, env=environment(), cwd=ROOT, check=True,
    )  # fmt: skip
    return [(code, said) for code, said in json.loads(done.stdout)]


def started(
    command: Sequence[str], args: list[str], env: dict[str, str], cwd: Path | None
) -> subprocess.Popen[str] | Forked:
    """The process of app.py, or of this command."""
    folder, complete = cwd or ROOT, environment(**env)
    if not command and not any(key.startswith(("PYTHON", "LD_")) for key in env) and same_network(PYTHON):
        return fork(args, complete, folder, PYTHON)
    return subprocess.Popen(
        [*(command or (PYTHON, str(ROOT / "app.py"))), *args],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=complete, cwd=folder,
    )  # fmt: skip


class Bridge:
    """A running bridge. `url`: where it serves; `log`: its lines so far, stdout and stderr; `state`: its folder.

    `program`: what runs app.py, if not Python alone; `command`: what is run in place of both. Without them, and
    without settings of Python's own in `env`, it is forked from a process that has imported app.py.
    """

    def __init__(
        self, *args: str, cwd: Path | None = None, program: Sequence[str] = (), command: Sequence[str] = (), **env: str
    ) -> None:
        self.log: Log[str] = Log()
        self._folder = tempfile.TemporaryDirectory()  # its state: two bridges know nothing of each other
        self.state = Path(self._folder.name)
        whole = command or (program and [*program, str(ROOT / "app.py")])
        self.process = started(whole, ["--port", "0", *args], {"BRIDGE_STATE_DIR": self._folder.name, **env}, cwd)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        line = self.log.wait(lambda line: "http://" in line, timeout=60)
        found = re.search(r"http://localhost:(\d+)", line)
        assert found, line
        self.port = int(found[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def status(self) -> dict[str, Any]:
        """What /bridge/status says."""
        answer: dict[str, Any] = requests.get(f"{self.url}/bridge/status", timeout=PATIENCE).json()
        return answer

    def counter(self, name: str) -> int:
        """One counter of /bridge/status."""
        return int(self.status()["counters"][name])

    def said(self, text: str) -> str:
        """Wait for a line of the log that has this text in it."""
        return self.log.wait(lambda line: text in line)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Wait until it has ended; the exit code."""
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        if self.process.stdout:
            self.process.stdout.close()
        self._folder.cleanup()
        return code

    def __enter__(self) -> Bridge:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()  # or, if it has ended by itself, close what was open to it
        text = "\n".join(self.log.entries)
        assert "Traceback" not in text or "handler" in text, text

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log.add(line.rstrip("\n"))
        self.log.add("(the process has ended)")
