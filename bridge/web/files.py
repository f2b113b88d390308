"""Open the files of a document root that may be served: none that is hidden, private to the bridge, a key, or outside.

Must not know Flask, nor who asks.

Use: `served = Served(Private((state_folder, handlers_file)))`; `served.open(site, "game/a.js")` -> a file, or None.
"""

from __future__ import annotations

import logging
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bridge.counters import shorten

__all__ = ["Private", "Served"]

log = logging.getLogger("bridge.web")

_TOLD = 20  # files that the log names at most
_KEYS = (".key", ".pem", ".crt", ".cer", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk")
_KEY_WITHIN = 16_384  # bytes; a key may follow its certificates
_KEY_TEXT = re.compile(rb"^-----BEGIN [A-Z ]*PRIVATE KEY-----\s*$", re.MULTILINE)
_CODE = (".py", ".pyc", ".pyi", ".so")
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LAST = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # non-blocking: it may be a FIFO

_Identity = tuple[int, int]


@dataclass(frozen=True)
class Private:
    """What is never served, wherever it lies and whatever name a link gives it. It need not exist yet.

    `paths`: files and folders; `code`: folders whose Python files handlers may import; `names`: names of files that
    are settings, in use or not.
    """

    paths: tuple[Path, ...] = ()
    code: tuple[Path, ...] = ()
    names: tuple[str, ...] = ()

    def within(self) -> set[_Identity]:
        """Return the identities of all files in the folders."""
        found = (Path(top, name) for path in self.paths for top, _, names in os.walk(path) for name in names)
        return set(_identities(found))

    def is_copy(self, name: str) -> bool:
        """Tell whether it is the name of a private file, or one that an editor gives a copy: game.py~, #game.py#."""
        files = (*(path.name for path in self.paths if path.is_file()), *self.names)
        return name.lstrip("#").startswith(files)


class _Withheld(Exception):
    """It is there and is not served. The reason completes "… is not served: "; none, if nobody needs to be told."""


class Served:
    """Opens files to serve. Of those that it withholds it tells the log the first few, for the owner of a site."""

    def __init__(self, private: Private) -> None:
        self._private = private
        self._told: set[str] = set()

    def open(self, folder: Path, path: str) -> BinaryIO | None:
        """Open the file in `folder` that the decoded path of a URL names; None if there is none that may be served."""
        fd = None if path.endswith("/") else self._find(folder, path)
        if fd is None or stat.S_ISREG(os.fstat(fd).st_mode):
            return None if fd is None else os.fdopen(fd, "rb")
        os.close(fd)
        return None

    def is_folder(self, folder: Path, path: str) -> bool:
        """Tell whether the path names a folder that may be seen."""
        fd = self._find(folder, path)
        if fd is None:
            return False
        try:
            return stat.S_ISDIR(os.fstat(fd).st_mode)
        finally:
            os.close(fd)

    def _find(self, folder: Path, path: str) -> int | None:
        try:
            return self._opened(folder, path)
        except _Withheld as withheld:
            self._tell(path, str(withheld))
        except (OSError, ValueError):  # it does not exist, its name is too long, or has a NUL in it
            pass
        return None

    def _opened(self, folder: Path, path: str) -> int:
        if _is_hidden(path.split("/")):
            raise _Withheld
        root = os.path.realpath(folder, strict=True)
        found = os.path.relpath(os.path.realpath(os.path.join(root, path), strict=True), root)
        parts = [] if found == os.curdir else found.split(os.sep)
        if os.pardir in parts:
            raise _Withheld("a link leads outside the folder that is served; copy the file, or mount its folder there")
        if _is_hidden(parts):
            raise _Withheld
        return self._walk(root, parts)

    def _walk(self, root: str, parts: list[str]) -> int:
        """Open a file by its real path, one component after the other: others may put links there while this runs."""
        fd = os.open(root, _FOLDER)
        within = [_identity(os.fstat(fd))]
        try:
            for place, part in enumerate(parts, 1):
                above, fd = fd, os.open(part, _FOLDER if place < len(parts) else _LAST, dir_fd=fd)
                os.close(above)
                within.append(_identity(os.fstat(fd)))
            self._check(fd, parts[-1] if parts else "", set(_identities(Path(root).parents)), set(within))
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _check(self, fd: int, name: str, above: set[_Identity], within: set[_Identity]) -> None:
        """Raise _Withheld unless it may be served. `above`: the folders above the root; `within`: from there on."""
        private, found = self._private, os.fstat(fd)
        if (above | within) & set(_identities(private.paths)):
            raise _Withheld("it is private to the bridge")
        if not stat.S_ISREG(found.st_mode):
            return
        if found.st_nlink > 1 and _identity(found) in private.within():
            raise _Withheld("it is private to the bridge, under another name")
        if private.is_copy(name):
            raise _Withheld("it seems to be a copy of settings or handlers")
        if name.lower().endswith(_CODE) and within & set(_identities(private.code)):
            raise _Withheld("handlers may import it; put the site into a folder of its own")
        if name.lower().endswith(_KEYS) or _KEY_TEXT.search(os.pread(fd, _KEY_WITHIN, 0)):
            raise _Withheld("it seems to be a key or a certificate")

    def _tell(self, path: str, reason: str) -> None:
        if reason and path not in self._told and len(self._told) < _TOLD:
            self._told.add(path)
            log.warning("! %s is not served: %s", shorten(path), reason)


def _is_hidden(parts: Iterable[str]) -> bool:
    return any(part.startswith(".") for part in parts)


def _identity(found: os.stat_result) -> _Identity:
    """Return what tells a file from others: it may have several names, this it has once."""
    return found.st_dev, found.st_ino


def _identities(paths: Iterable[Path]) -> Iterator[_Identity]:
    """Yield the identity of each that is there."""
    for path in paths:
        try:
            yield _identity(path.stat())
        except OSError:
            pass
