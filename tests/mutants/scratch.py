"""Keep a copy of the project in which one file at a time is changed, and run tests there.

Must not know what is changed, nor why those tests.

Use: `with Scratch(ROOT) as scratch: scratch.run("bridge/timer.py", source, ["tests/unit/test_timer.py"], 60)`.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from enum import Enum
from pathlib import Path

from tests.mutants.coverage_map import environment

__all__ = ["Fate", "Scratch"]

MEMORY = 4_000_000  # KiB of addresses that a mutant may have
EACH = 30  # seconds that one test may take


class Fate(Enum):
    """What became of a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    TIMED_OUT = "timed out"


class Scratch:
    """A copy of what git knows of. `failed`: the tests that did in the last run."""

    def __init__(self, root: Path) -> None:
        self.failed: list[str] = []
        self.root = Path(tempfile.mkdtemp(prefix="mutants-"))
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True)
        for name in listed.stdout.split("\0"):
            if name and (root / name).is_file():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, self.root / name)
        subprocess.run([sys.executable, "-m", "compileall", "-q", "bridge", "tests"], cwd=self.root, check=True)

    def __enter__(self) -> Scratch:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.root, ignore_errors=True)

    def run(self, path: str, source: str, tests: list[str], seconds: float, *flags: str) -> Fate:
        """What these tests say with this in the place of that file."""
        file = self.root / path
        before, times = file.read_bytes(), file.stat()
        file.write_text(source, encoding="utf-8")
        try:
            return self._run(tests, seconds, *flags)
        finally:
            file.write_bytes(before)
            os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))  # its byte-code is good again

    def _run(self, tests: list[str], seconds: float, *flags: str) -> Fate:
        listed = self.root / "tests.txt"
        listed.write_text("\n".join(tests), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-xq", "-p", "no:cacheprovider", "-m", "not long"]
        command += ["-o", f"timeout={EACH}", *flags, f"@{listed}"]
        process = subprocess.Popen(
            ["bash", "-c", f'ulimit -v {MEMORY}; exec "$@"', "bash", *command],
            cwd=self.root, env=environment(), text=True, errors="replace", start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            return Fate.TIMED_OUT
        finally:
            end(process)
        self.failed = sorted(set(re.findall(r"^(?:FAILED|ERROR) (\S+?::[^\s\[]+)", said, re.MULTILINE)))
        if process.returncode in (0, 5):  # 5: there is no test
            return Fate.SURVIVED
        return Fate.TIMED_OUT if "Timeout (>" in said else Fate.KILLED


def end(process: subprocess.Popen[str]) -> None:
    """With all that it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    if process.stdout:
        process.stdout.close()
