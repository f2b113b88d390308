"""Which files of a folder are served: none that is hidden, and none of those that are the bridge's own business.

Must not know Flask, nor who asks.

Use: `served = Served([state_folder, handlers_file]); served.find(folder, "game/a.js")` -> its path, or None.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from werkzeug.security import safe_join

__all__ = ["Served"]


class Served:
    """`private`: files and folders that are not served wherever they lie, and under whatever name a link gives them.
    They need not be there yet."""

    def __init__(self, private: Iterable[Path] = ()) -> None:
        self._private = tuple(private)

    def find(self, folder: Path, path: str) -> Path | None:
        """What a decoded path of a URL is in this folder: a file or a folder. None if there is no such, or it is not to
        be told that there is."""
        if any(part.startswith(".") for part in path.split("/")):
            return None
        joined = safe_join(str(folder), path) if path else str(folder)
        if joined is None:
            return None
        try:
            real, root = os.path.realpath(joined, strict=True), os.path.realpath(folder)
            hidden = _is_hidden(os.path.relpath(real, root)) or self._is_private(Path(real))
        except (OSError, ValueError):  # not there, a name that is too long, a NUL in it
            return None
        return None if hidden or not os.access(real, os.R_OK) else Path(os.path.abspath(joined))

    def _is_private(self, real: Path) -> bool:
        """By what it is and not by its name: of one file there may be several."""
        private = {_identity(path) for path in self._private} - {None}
        return any(_identity(each) in private for each in (real, *real.parents))


def _is_hidden(path: str) -> bool:
    """Whether something on this way is hidden, as Unix has it."""
    return any(part.startswith(".") and part not in (".", "..") for part in path.split(os.sep))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
