"""Say which tests can notice that a line is changed: those that run it.

A line outside of functions is run by whoever imports it, so there it is those that run a line with a name which it
makes. What runs in a process of its own is not seen: a test file that names the module counts as well.

Use: `Coverage.measured(ROOT).tests_of(mutant)`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from tests.mutants.mutations import Mutant

__all__ = ["Coverage", "environment"]

#: About the text of the project, or about programs that are not the bridge.
NO_HELP = ("test_layers", "test_config", "test_reference", "test_bench", "test_mutants")
UNSEEN = 3.0  # seconds that a test is taken to need which was not timed


def environment(**extra: str) -> dict[str, str]:
    """For pytest: few examples, no byte-code that could be taken for that of the next mutant."""
    return {**os.environ, "BRIDGE_TEST_PROFILE": "quick", "PYTHONDONTWRITEBYTECODE": "1", **extra}


class Coverage:
    """`times`: seconds by test function; `lines`: by file and line the tests that ran it."""

    def __init__(self, root: Path, answers: Iterable[dict[str, Any]]) -> None:
        self.failed: set[str] = set()
        self.times: defaultdict[str, float] = defaultdict(float)
        self._lines: defaultdict[str, defaultdict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._root = root
        for answer in answers:
            self._add(answer)
        self._texts = {path: (root / path).read_text(encoding="utf-8") for path in self._lines}

    def _add(self, answer: dict[str, Any]) -> None:
        self.failed.update(plain(test) for test in answer["failed"])
        for test, seconds in answer["times"].items():
            self.times[plain(test)] += seconds
        for test, files in answer["lines"].items():
            for file, lines in files.items():
                for line in lines:
                    self._lines[file][line].add(plain(test))

    @classmethod
    def measured(cls, root: Path, keep: Path | None = None) -> Coverage:
        """Run the unit tests and see; or as it was kept there, for the same code."""
        if keep is not None and keep.exists():
            return cls(root, json.loads(keep.read_text(encoding="utf-8")))
        answers = measure(root)
        if keep is not None:
            keep.write_text(json.dumps(answers), encoding="utf-8")
        return cls(root, answers)

    def tests_of(self, mutant: Mutant) -> list[str]:
        """Those that can notice it, the quickest first; test functions, or whole files."""
        found = self._running(mutant.path, range(mutant.first, mutant.last + 1))
        if mutant.names:
            found |= self._naming(mutant.names)
        found |= self._unseen(mutant.path)
        if not found:
            found = self._running(mutant.path, list(self._lines.get(mutant.path, ())))
        return sorted(found - self.failed, key=lambda test: (self.times.get(test, UNSEEN), test))

    def _running(self, path: str, lines: Iterable[int]) -> set[str]:
        ran = self._lines.get(path)
        return {test for line in lines for test in ran.get(line, ())} if ran else set()

    def _naming(self, names: tuple[str, ...]) -> set[str]:
        pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, names))})\b")
        found: set[str] = set()
        for path, text in self._texts.items():
            lines = [number for number, line in enumerate(text.splitlines(), 1) if pattern.search(line)]
            found |= self._running(path, lines)
        return found

    def _unseen(self, path: str) -> set[str]:
        """Test files that name the module and run it in no process that was seen."""
        seen = {test.partition("::")[0] for tests in self._lines.get(path, {}).values() for test in tests}
        return {test for test, names in named(self._root).items() if path in names and test not in seen}


def files_of(helper: Path) -> list[Path]:
    """Of a module or a package, without its ending."""
    return [helper.with_suffix(".py")] if helper.with_suffix(".py").exists() else sorted(helper.glob("*.py"))


def plain(test: str) -> str:
    """The function, of all its parameters."""
    return test.partition("[")[0]


def unit_tests(root: Path) -> list[Path]:
    return sorted((root / "tests" / "unit").glob("test_*.py"))


def measure(root: Path, at_once: int = 2) -> list[dict[str, Any]]:
    """What tests.mutants.plugin writes, of each process."""
    files = [path for path in unit_tests(root) if not any(word in path.name for word in NO_HELP)]
    with tempfile.TemporaryDirectory() as folder:
        runs = [start(root, files[part::at_once], Path(folder, f"{part}.json")) for part in range(at_once)]
        for run in runs:
            run.wait()
        return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path(folder).iterdir())]


def start(root: Path, files: list[Path], answer: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.mutants.plugin"]
    command += ["-m", "not long", *map(str, files)]
    return subprocess.Popen(command, cwd=root, env=environment(MUTANTS_MAP=str(answer)), stdout=subprocess.DEVNULL)


@cache
def named(root: Path) -> dict[str, set[str]]:
    """By test file the modules that it names, itself or by way of a helper of the unit tests."""
    found: dict[str, set[str]] = {}
    for path in unit_tests(root):
        if any(word in path.name for word in NO_HELP):
            continue
        text = path.read_text(encoding="utf-8")
        for helper in sorted({*re.findall(r"\btests\.unit\.(\w+)", text)}):
            text += "".join(one.read_text(encoding="utf-8") for one in files_of(path.parent / helper))
        modules = {*re.findall(r"\bbridge(?:\.\w+)+", text)}
        modules |= {f"{one}.{name}" for one, name in re.findall(r"from (bridge(?:\.\w+)*) import (\w+)", text)}
        found[path.relative_to(root).as_posix()] = {one.replace(".", "/") + ".py" for one in modules}
    return found
