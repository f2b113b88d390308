"""requirements.txt has one exact version of everything that the ranges in pyproject.toml ask for, and nothing else.
requirements.lock has the same versions with checksums, and the ranges all that the bridge imports."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions, requires

from packaging.requirements import Requirement

from tests.process import ROOT
from tools.pins import LOCK, LOCK_HEAD, PINS, canonical, ranges, text

LINES = [line for line in PINS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]


def pins() -> dict[str, str]:
    """The version of each, by its canonical name."""
    found = [re.fullmatch(r"([\w.-]+)==([\w.]+)", line) for line in LINES]
    return {canonical(match[1]): match[2] for match in found if match}


def needed() -> Iterator[Requirement]:
    """What pyproject.toml asks for, and what each of these asks for in turn."""
    waiting = [Requirement(line) for line in ranges().values()]
    seen: set[str] = set()
    while waiting:
        one = waiting.pop()
        yield one
        if canonical(one.name) not in seen:
            seen.add(canonical(one.name))
            inner = map(Requirement, requires(one.name) or ())
            waiting += [each for each in inner if not each.marker or each.marker.evaluate({"extra": ""})]


def test_every_line_pins_one_version_exactly() -> None:
    assert len(pins()) == len(LINES)


def test_each_pin_is_within_every_range_that_is_asked_for() -> None:
    for one in needed():
        assert one.specifier.contains(pins()[canonical(one.name)]), f"make pins: {one}"


def test_nothing_is_pinned_that_nothing_asks_for() -> None:
    assert pins().keys() == {canonical(one.name) for one in needed()}


def test_the_file_is_as_the_tool_writes_it() -> None:
    assert PINS.read_text(encoding="utf-8") == text(pins())


def locked() -> dict[str, tuple[str, list[str]]]:
    """The version of each in the lock, and the checksums of its files."""
    entries = LOCK.read_text(encoding="utf-8").removeprefix(LOCK_HEAD).replace(" \\\n    ", " ").splitlines()
    found = [re.fullmatch(r"([\w.-]+)==([\w.]+)((?: --hash=sha256:[0-9a-f]{64})+)", line) for line in entries]
    assert None not in found, "make pins"
    return {canonical(match[1]): (match[2], match[3].split()) for match in found if match}


def test_the_lock_has_the_versions_of_the_pins_and_nothing_else() -> None:
    assert LOCK.read_text(encoding="utf-8").startswith(LOCK_HEAD)
    assert {name: version for name, (version, _) in locked().items()} == pins(), "make pins"


def test_what_is_compiled_has_checksums_of_its_files_for_many_machines() -> None:
    files = {name: len(hashes) for name, (_, hashes) in locked().items()}
    assert min(files.values()) >= 1
    for name in ("greenlet", "orjson", "msgspec", "markupsafe", "pydantic-core", "websockets"):
        assert files[name] > 16, name  # four Pythons, two machines, two C libraries


def imported() -> Iterator[str]:
    """The packages that the bridge imports, without Python's own and its own."""
    for path in (ROOT / "app.py", *(ROOT / "bridge").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            yield from (name.split(".")[0] for name in names)


def test_whatever_is_imported_has_a_range_of_its_own_with_a_floor() -> None:
    asked = {canonical(name): line for name, line in ranges().items()}
    for name in set(imported()) - sys.stdlib_module_names - {"bridge", "app"}:
        for package in packages_distributions()[name]:
            assert ">=" in asked[canonical(package)], f"pyproject.toml has no floor for {package}"
