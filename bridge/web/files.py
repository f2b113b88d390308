"""Find the files of a document root that may be served: none that is hidden, and none that is private to the bridge.

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
    """Finds files to serve.

    `private`: files and folders that are never served, wherever they lie and whatever name a link gives them. They
    need not exist yet.
    """

    def __init__(self, private: Iterable[Path] = ()) -> None:
        self._private = tuple(private)

    def find(self, folder: Path, path: str) -> Path | None:
        """Return the file or folder in `folder` that the decoded path of a URL names; None if there is none, or if it
        may not be served."""
        if any(part.startswith(".") for part in path.split("/")):
            return None
        joined = safe_join(str(folder), path) if path else str(folder)
        if joined is None:
            return None
        try:
            real, root = os.path.realpath(joined, strict=True), os.path.realpath(folder)
            hidden = _is_hidden(os.path.relpath(real, root)) or self._is_private(Path(real))
        except (OSError, ValueError):  # it does not exist, its name is too long, or has a NUL in it
            return None
        return None if hidden or not os.access(real, os.R_OK) else Path(os.path.abspath(joined))

    def _is_private(self, real: Path) -> bool:
        """Compare by device and inode and not by name: one file may have several names."""
        private = {_identity(path) for path in self._private} - {None}
        return any(_identity(each) in private for each in (real, *real.parents))


def _is_hidden(path: str) -> bool:
    """Tell whether a component of the path is hidden, that is, begins with a dot."""
    return any(part.startswith(".") and part not in (".", "..") for part in path.split(os.sep))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
