"""Builds the load generator and the peers under build/bench/, and installs what that needs.

Must not know what they are for.

Use: `build({"generator", "limit", "go", "node"})`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Collection
from pathlib import Path

__all__ = ["BUILT", "PROJECT", "BuildError", "build", "go_program", "parts_of"]

PROJECT = Path(__file__).resolve().parent.parent
BUILT = PROJECT / "build" / "bench"
_HERE = PROJECT / "bench"
_GCC = ("gcc", "-std=gnu11", "-D_GNU_SOURCE", "-O3", "-Wall", "-Wextra", "-Wshadow")


class BuildError(Exception):
    """A part could not be built; the compiler has said why."""


def build(parts: Collection[str]) -> None:
    """Build these parts, unless they are newer than their sources. Raises BuildError."""
    BUILT.mkdir(parents=True, exist_ok=True)
    for part, builder in _BUILDERS.items():
        if part in parts:
            builder()


def parts_of(contestants: Collection[str]) -> set[str]:
    """What has to be built for these contestants."""
    return {"generator"} | {name.partition("-")[0] for name in contestants} & set(_BUILDERS)


def go_program() -> str:
    """Where Go is; an installation from go.dev is not in everybody's PATH."""
    beside = "/usr/local/go/bin/go"
    return shutil.which("go") or (beside if os.access(beside, os.X_OK) else "go")


def _compile(target: Path, sources: Collection[Path], *headers: Path) -> None:
    if _is_newer(target, [*sources, *headers]):
        return
    _need("gcc")
    _run([*_GCC, "-o", str(target), *map(str, sources)])


def _generator() -> None:
    folder = _HERE / "generator"
    _compile(BUILT / "generator", sorted(folder.glob("*.c")), *folder.glob("*.h"))


def _limit() -> None:
    _compile(BUILT / "limit", [_HERE / "peers" / "limit.c"])


def _go() -> None:
    folder = _HERE / "peers" / "go"
    if not _is_newer(BUILT / "peer", list(folder.iterdir())):
        if not os.access(go_program(), os.X_OK):
            _need("go")
        _run([go_program(), "build", "-o", str(BUILT / "peer"), "."], folder)


def _node() -> None:
    """Beside a copy of the sources, so that no node_modules lies among them."""
    _need("node", "npm")
    source, target = _HERE / "peers" / "node", BUILT / "node"
    lock, installed = source / "package-lock.json", target / "node_modules" / ".package-lock.json"
    target.mkdir(exist_ok=True)
    for file in source.iterdir():
        if file.is_file():
            shutil.copy(file, target)
    if not _is_newer(installed, [lock]):
        _run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], target)
        installed.touch()


_BUILDERS = {"generator": _generator, "limit": _limit, "go": _go, "node": _node}


def _is_newer(target: Path, sources: Collection[Path]) -> bool:
    return target.exists() and all(source.stat().st_mtime <= target.stat().st_mtime for source in sources)


def _need(*programs: str) -> None:
    _run([str(PROJECT / "tools" / "need.sh"), *programs])


def _run(argv: list[str], folder: Path = PROJECT) -> None:
    if subprocess.run(argv, cwd=folder, check=False).returncode:
        raise BuildError(" ".join(argv))
