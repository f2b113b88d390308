"""One test for each folder, which looks at every file in it: a test for each file would cost more than the look.

Use: `@each_of(MODULES)`; `def test_no_module_is_long(path: Path) -> None: …`, whose assertions name the file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path

import pytest

from tests.process import ROOT

__all__ = ["each_of"]


def each_of(paths: Sequence[Path]) -> Callable[[Callable[[Path], None]], Callable[[str], None]]:
    """Have a test called with each of these files, folder by folder."""
    ordered = sorted(paths, key=lambda path: path.parent)
    files = {folder.relative_to(ROOT).as_posix(): list(found) for folder, found in groupby(ordered, lambda p: p.parent)}
    assert sum(map(len, files.values())) == len(paths) > 0

    def made(test: Callable[[Path], None]) -> Callable[[str], None]:
        @pytest.mark.parametrize("folder", files)
        def in_folder(folder: str) -> None:
            for path in files[folder]:
                test(path)

        in_folder.__name__, in_folder.__module__ = test.__name__, test.__module__
        return in_folder

    return made
