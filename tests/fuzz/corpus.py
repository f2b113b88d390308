"""Inputs that are kept: one file a target, one input a line, as Python writes bytes.

Use: `kept("frames")` -> [b"…", …]; `keep("frames", inputs)`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

__all__ = ["FOLDER", "keep", "kept"]

FOLDER = Path(__file__).with_name("corpus")


def kept(target: str) -> list[bytes]:
    """All of a target's, the oldest first."""
    path = FOLDER / f"{target}.txt"
    lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
    return [ast.literal_eval(line) for line in lines]


def keep(target: str, inputs: Iterable[bytes]) -> int:
    """Add those that are new; how many they were."""
    have = kept(target)
    new = sorted(set(inputs) - set(have), key=lambda each: (len(each), each))
    with (FOLDER / f"{target}.txt").open("a", encoding="ascii") as file:
        file.writelines(f"{each!r}\n" for each in new)
    return len(new)
