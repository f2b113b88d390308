"""One target under atheris, in a process of its own, as libFuzzer does not return. `make fuzz` starts it; see run.py.

Use: `python -m tests.fuzz.fuzzer frames -max_total_time=60`; the arguments after the name are libFuzzer's.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

__all__ = ["main"]


def main() -> None:
    """Never returns."""
    atheris: Any = import_module("atheris")
    with atheris.instrument_imports(include=["bridge"]):
        targets = import_module("tests.fuzz.targets")
    target = targets.TARGETS[sys.argv[1]]
    itself = f"{sys.executable} -m tests.fuzz.fuzzer {sys.argv[1]}"  # libFuzzer calls it when it merges
    atheris.Setup([itself, *sys.argv[2:]], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
