"""Runs the tests of one module of this folder and prints the tracebacks of those that failed, as JSON by name.

Use: `python -m tests.unit.green.run session`.
"""

from __future__ import annotations

import importlib
import json
import sys
import traceback
import warnings

warnings.simplefilter("ignore")  # eventlet's, about itself

import eventlet  # noqa: E402

#: Seconds for one test, which has nothing to wait for that takes long.
PATIENCE = 30.0


def failures(module: str) -> dict[str, str]:
    """By the test's name."""
    found: dict[str, str] = {}
    for name, test in list(vars(importlib.import_module(f"tests.unit.green.{module}")).items()):
        if name.startswith("test_"):
            try:
                with eventlet.Timeout(PATIENCE):
                    test()
            except BaseException:
                found[name.removeprefix("test_")] = traceback.format_exc()
    return found


if __name__ == "__main__":
    print(json.dumps(failures(sys.argv[1])))
