"""Says which line of whose code a thread is in: the handlers' own, if there is one among its callers.

Must not know threads.

Use: `place(frame)` -> `Place("/srv/game.py", 12, "move", own=True)`.
"""

from __future__ import annotations

import sysconfig
from pathlib import Path
from types import FrameType
from typing import NamedTuple

__all__ = ["Place", "place"]

_BRIDGE = Path(__file__).resolve().parents[1]
#: Where code lies that is nobody's own: Python's, the libraries', the bridge's.
_NOT_OWN = tuple(
    {f"{sysconfig.get_path(name)}/" for name in ("stdlib", "platstdlib", "purelib", "platlib")} | {f"{_BRIDGE}/"}
)
_APP = str(_BRIDGE.parent / "app.py")


class Place(NamedTuple):
    """`own`: whether it is a handlers file's, or of what that imports from beside it."""

    file: str
    line: int
    function: str
    own: bool

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}, in {self.function}"


def place(frame: FrameType) -> Place:
    """Find the innermost line of the handlers' own, else the innermost of all."""
    at: FrameType | None = frame
    while at is not None:
        if _is_own(at.f_code.co_filename):
            return _place(at, own=True)
        at = at.f_back
    return _place(frame, own=False)


def _is_own(file: str) -> bool:
    return not (file.startswith((*_NOT_OWN, "<")) or file == _APP or "/site-packages/" in file)


def _place(frame: FrameType, own: bool) -> Place:
    return Place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name, own)
