"""Unit tests of what runs on eventlet, in a process of their own, as eventlet is nothing for pytest's.

A module of green/ has functions `test_…` without fixtures, and tests/unit/test_session.py shows each as a test.

Use: `session = Apart("session")`; `@pytest.mark.parametrize("name", session.names)`; `session.failure(name)`.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from functools import cached_property

from tests.process import ROOT

__all__ = ["Apart"]


class Apart:
    """The tests of one module of green/, which all run in one process when the first is asked for."""

    def __init__(self, module: str) -> None:
        self._module = module
        tree = ast.parse((ROOT / "tests" / "unit" / "green" / f"{module}.py").read_text(encoding="utf-8"))
        functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
        self.names = [name.removeprefix("test_") for name in functions if name.startswith("test_")]

    @cached_property
    def _failures(self) -> dict[str, str]:
        """The traceback of each test that failed."""
        command = [sys.executable, "-m", "tests.unit.green.run", self._module]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=110, check=False)
        assert done.returncode == 0, done.stderr
        failures: dict[str, str] = json.loads(done.stdout)
        return failures

    def failure(self, name: str) -> str | None:
        """The traceback of the test of this name; None if it passed."""
        assert name in self.names
        return self._failures.get(name)
