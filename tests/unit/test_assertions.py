"""No test passes whatever the code does: each asserts, expects, raises, or calls what does so for it."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from tests.process import ROOT
from tests.unit.folders import each_of

#: What fails by itself, of pytest, of Playwright, and of tests.waiting.Log, whose `wait` has the name of others.
OTHERS = {
    "pytest.raises",
    "pytest.warns",
    "pytest.fail",
    "expect",
    "wait_for_function",
    "self.log.wait",
    "self.frames.wait",
}
#: Methods that fail if what they wait for does not come, by the file that has them. Of functions, imports tell.
METHODS = {
    "tests/waiting.py": {"wait_count"},
    "tests/process.py": {"said"},
    "tests/tcpserver.py": {"accept", "message"},
    "tests/faults/test_proxy.py": {"has"},
}
TESTS = sorted(path for path in (ROOT / "tests").rglob("test_*.py") if "node_modules" not in path.parts)
Function = ast.FunctionDef


@cache
def functions(path: Path) -> dict[str, Function]:
    """Those of a file by name, with the methods of its classes."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: node for node in ast.walk(tree) if isinstance(node, Function)}


def called(function: Function) -> set[str]:
    """By their whole names and by the last part alone."""
    names = {ast.unparse(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}
    return names | {name.rpartition(".")[2] for name in names}


@cache
def imported(path: Path) -> dict[str, Path]:
    """By name the file of the tests that it is imported from."""
    found: dict[str, Path] = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tests."):
            file = ROOT / (node.module.replace(".", "/") + ".py")
            found.update({one.name: file for one in node.names if file.exists() and one.name in functions(file)})
    return found


def can_fail(path: Path, function: Function, seen: frozenset[str] = frozenset()) -> bool:
    """Whether it asserts, or something that it calls does: of its own file, of another, or one of METHODS."""
    if any(isinstance(node, (ast.Assert, ast.Raise)) for node in ast.walk(function)):
        return True
    names = called(function)
    if names & OTHERS or any(names & methods for methods in METHODS.values()):
        return True
    places = {**imported(path), **dict.fromkeys(functions(path), path)}
    own = [name for name in names & places.keys() if name not in seen]
    return any(can_fail(places[name], functions(places[name])[name], seen | set(own)) for name in own)


@each_of(TESTS)
def test_each_test_has_something_that_can_fail(path: Path) -> None:
    tests = [one for name, one in functions(path).items() if name.startswith("test_")]
    empty = [f"{path.name}:{one.lineno} {one.name}" for one in tests if not can_fail(path, one)]
    assert not empty, "nothing in these can fail"


def test_each_method_that_is_relied_on_can_fail() -> None:
    for name, methods in METHODS.items():
        path = ROOT / name
        for method in methods:
            assert can_fail(path, functions(path)[method]), f"{method} of {name}"
