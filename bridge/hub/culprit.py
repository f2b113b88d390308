"""Says which line of whose code is to blame for what a thread does: the handlers' own, if one is among its callers.

Must not know threads.

Use: `culprit(frame)` -> `Culprit("/srv/game.py", 12, "move", own=True)`.
"""

from __future__ import annotations

import sysconfig
from pathlib import Path
from types import FrameType
from typing import NamedTuple

__all__ = ["Culprit", "culprit"]

_BRIDGE = Path(__file__).resolve().parents[1]
#: Where code lies that is nobody's own: Python's, the libraries', the bridge's.
_NOT_OWN = tuple(
    {f"{sysconfig.get_path(name)}/" for name in ("stdlib", "platstdlib", "purelib", "platlib")} | {f"{_BRIDGE}/"}
)
_APP = str(_BRIDGE.parent / "app.py")


class Culprit(NamedTuple):
    """`own`: whether it is a handlers file's, or of what that imports from beside it."""

    file: str
    line: int
    function: str
    own: bool

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}, in {self.function}"


def culprit(frame: FrameType) -> Culprit:
    """Find the innermost line of the handlers' own, else the innermost of all."""
    at: FrameType | None = frame
    while at is not None and not _is_own(at.f_code.co_filename):
        at = at.f_back
    guilty = at or frame
    return Culprit(guilty.f_code.co_filename, guilty.f_lineno, guilty.f_code.co_name, own=at is not None)


def _is_own(file: str) -> bool:
    return not (file.startswith((*_NOT_OWN, "<")) or file == _APP or "/site-packages/" in file)
