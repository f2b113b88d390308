"""The rules that the code keeps: who imports whom, how long things are, and that what is counted has a name."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from bridge.counters import COUNTERS
from bridge.errors import REFUSALS
from tests.process import ROOT
from tests.unit.folders import each_of

BASE = (
    "errors",
    "version",
    "names",
    "visible",
    "skeleton",
    "counters",
    "messages",
    "timer",
    "client_log",
    "output",
    "logs",
    "state_store",
    "needs",
    "random_bytes",
)

#: The packages, lowest first, each with those that it may import besides the words that everybody uses. A module of
#: `bridge/` itself that is not one of those words is a place of its own.
PACKAGES: dict[str, tuple[str, ...]] = {
    "config": (),
    "admission": (),
    "wire": (),
    "link": (),
    "relay": (),
    "hub": (),
    "delivery": ("wire",),
    "recovery": ("wire", "delivery"),
    "engineio": ("wire", "delivery", "hub"),
    "socketio_server": ("admission", "wire", "delivery", "recovery", "engineio", "hub"),
    "web": ("admission",),
    "demo": ("link",),
    "decoding": ("link", "relay"),
    "__main__": (),
    "folders": ("config", "web"),
    "wiring": (
        "config", "admission", "link", "relay", "delivery", "recovery", "engineio", "socketio_server", "web",
        "decoding", "folders",
    ),
    "assembly": (
        "config", "admission", "link", "relay", "hub", "delivery", "recovery", "socketio_server", "web", "folders",
        "wiring",
    ),
}  # fmt: skip

#: Those that run on the hub of eventlet.
HUBS = ["bridge/engineio/", "bridge/socketio_server/", "bridge/hub/"]
#: Libraries that only some modules may import: by what their paths begin with.
ONLY_IN = {
    "eventlet": ["app.py", *HUBS, "bench/peers", "tests/behaviour/app.py", "tests/unit/ends.py", "tests/unit/green/"],
    "flask": ["bridge/web/", "bridge/socketio_server/"],
    "flask_socketio": ["bridge/socketio_server/"],
    "socketio": ["bridge/socketio_server/"],
    "engineio": ["bridge/engineio/", "bridge/socketio_server/"],
    "socket": [
        "bridge/link/dial.py",
        "bridge/link/tls_probe.py",
        "bridge/link/reader.py",
        "bridge/link/connection.py",
        "bridge/link/sockets.py",
        *HUBS,
        "bridge/demo/",
    ],
    "select": [],
    "asyncio": [],
}

LONGEST_FUNCTION = 40
LONGEST_MODULE = LONGEST_TEST = 500
LONGEST_NAME = 80  # of a test, without test_


def paths(*folders: str) -> list[Path]:
    return sorted(
        path for folder in folders for path in (ROOT / folder).rglob("*.py") if "node_modules" not in str(path)
    )


BRIDGE = [ROOT / "app.py", *paths("bridge")]
TESTS = paths("tests")
EVERYTHING = [*BRIDGE, *TESTS, *paths("bench", "examples", "tools")]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module(path: Path) -> str:
    """The module's name without `bridge.`; a package is named as its folder."""
    return relative(path).removeprefix("bridge/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def nodes(node: ast.AST) -> Iterator[ast.AST]:
    """As ast.walk, without what is under `if TYPE_CHECKING:`."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield from nodes(child)


def imports(path: Path) -> set[str]:
    """Every module that is imported, wherever in the file; for `from a import b` both a and a.b. Not what is for
    type checkers alone."""
    found: set[str] = set()
    for node in nodes(tree(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{relative(path)} has a relative import, which hides its layer"
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def own_imports(path: Path) -> set[str]:
    """Those of the bridge's modules, without `bridge.`; a name that is imported from one is that module."""
    modules = {module(one) for one in BRIDGE}
    names = {name.removeprefix("bridge.") for name in imports(path) if name.startswith("bridge.")}
    found = {name if name in modules else name.rpartition(".")[0] for name in names}
    packages = {name for name in found if any(other.startswith(f"{name}.") for other in found)}
    return found & modules - packages - {"bridge", module(path)}


def package(name: str) -> str:
    """Where a module is: its package, `base`, or a place of its own."""
    return "base" if name in BASE else name.partition(".")[0]


MODULES = [path for path in paths("bridge") if relative(path) != "bridge/__init__.py"]


@each_of(MODULES)
def test_a_module_imports_only_from_packages_that_are_below_its_own(path: Path) -> None:
    own = package(module(path))
    assert own == "base" or own in PACKAGES, f"{relative(path)} has no place among the layers: see PACKAGES"
    for name in own_imports(path):
        allowed = {own, "base", *PACKAGES.get(own, ())}
        assert package(name) in allowed, f"{relative(path)} imports {name}, which is not below it"


def test_packages_are_listed_lowest_first() -> None:
    names = list(PACKAGES)
    for name, below in PACKAGES.items():
        assert all(names.index(one) < names.index(name) for one in below), name


def test_contributing_says_what_goes_to_each_package() -> None:
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("\n## Where what goes\n")[1].split("\n## ")[0]
    named = set(re.findall(r"`([\w./]+)`", table))
    assert [name for name in named if not (ROOT / name).exists()] == []
    packages = {f"{relative(path.parent)}/" for path in MODULES if path.name == "__init__.py"}
    assert packages <= named


def test_the_bridge_s_own_docstring_names_each_place() -> None:
    text = ast.get_docstring(tree(ROOT / "bridge" / "__init__.py")) or ""
    places = {name for name in (*BASE, *PACKAGES) if name != "__main__"}
    assert {name for name in places if not re.search(rf"\b{name}\b", text)} == set()


def test_no_module_comes_to_import_itself() -> None:
    edges = {module(path): own_imports(path) for path in MODULES}
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " imports ".join([*way, name])
        if name not in done:
            for below in sorted(edges[name]):
                visit(below, (*way, name))
            done.add(name)

    for name in edges:
        visit(name, ())


def test_the_bridge_s_own_init_imports_the_version_alone() -> None:
    assert own_imports(ROOT / "bridge" / "__init__.py") <= {"version"}


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_a_library_is_imported_only_where_it_may_be(library: str) -> None:
    allowed = tuple(ONLY_IN[library])
    for path in BRIDGE:
        roots = {name.partition(".")[0] for name in imports(path)}
        assert library not in roots or relative(path).startswith(allowed), f"{relative(path)} imports {library}"


def test_eventlet_is_imported_by_nothing_else_at_all() -> None:
    """Pytest itself is never patched; the process under test is one of its own."""
    for path in EVERYTHING:
        if "eventlet" in {name.partition(".")[0] for name in imports(path)}:
            assert relative(path).startswith(tuple(ONLY_IN["eventlet"])), relative(path)
    assert "eventlet" not in sys.modules or any("engine" in name for name in sys.modules)


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - node.lineno + 1


def test_no_function_is_long_and_most_are_short() -> None:
    for path in EVERYTHING:
        for name, length in functions(path):
            assert length <= LONGEST_FUNCTION, f"{relative(path)}: {name} has {length} lines"
    lengths = sorted(length for path in BRIDGE for _, length in functions(path))
    assert lengths[len(lengths) // 2] <= 8


def test_the_name_of_a_test_is_a_sentence_of_at_most_80_characters() -> None:
    names = [(relative(path), name) for path in TESTS for name, _ in functions(path) if name.startswith("test_")]
    assert len(names) > 1000
    too_long = [each for each in names if len(each[1].removeprefix("test_")) > LONGEST_NAME]
    assert too_long == []


@each_of(EVERYTHING)
def test_no_module_is_long(path: Path) -> None:
    limit = LONGEST_TEST if path in TESTS else LONGEST_MODULE
    length = len(path.read_text(encoding="utf-8").splitlines())
    assert length <= limit, f"{relative(path)} has {length} lines"


@each_of(BRIDGE)
def test_a_module_says_what_it_is_and_what_of_it_is_for_others(path: Path) -> None:
    code = tree(path)
    if not code.body:
        return
    assert ast.get_docstring(code), f"{relative(path)} has no docstring"
    if path.name in ("__init__.py", "app.py"):
        return
    found = None
    if not relative(path).startswith((*HUBS, "bridge/wiring.py", "bridge/assembly.py")):  # which import eventlet
        found = importlib.import_module("bridge." + module(path))
    names = [n for n in code.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "__all__"]
    assert len(names) == 1, f"{relative(path)} has no __all__"
    for name in ast.literal_eval(names[0].value):
        assert found is None or hasattr(found, name), f"{relative(path)} has no {name}"


@cache
def known() -> tuple[frozenset[str], frozenset[str]]:
    """What can be called by its name: what is defined or imported; and as a method: that, and what is called so."""
    names, methods = set[str](), set[str]()
    for path in BRIDGE:
        for node in ast.walk(tree(path)):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                names.add(node.name)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                names.update(alias.asname or alias.name for alias in node.names)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                methods.add(node.func.attr)
    return frozenset(names), frozenset(names | methods)


@each_of(BRIDGE)
def test_what_a_module_s_docstring_calls_is_there(path: Path) -> None:
    names, methods = known()
    for example in re.findall(r"`([^`]+)`", ast.get_docstring(tree(path)) or ""):
        code = re.sub(r'"(?:[^"\\]|\\.)*"', "", example)
        classes = set(re.findall(r"(?<!class )(?<![\w.])([A-Z]\w*[a-z]\w*)\(", code))
        assert classes <= names, f"{relative(path)}: {example}"
        assert set(re.findall(r"\.([a-z_]\w*)\(", code)) <= methods, f"{relative(path)}: {example}"


@each_of(BRIDGE)
def test_what_the_docstring_of_a_class_explains_is_in_the_class(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ClassDef):
            explained = set(re.findall(r"(?:^|[.;,:]\s+)`(\w+)`(?: None)?: ", ast.get_docstring(node) or ""))
            words = set(re.findall(r"\w+", "\n".join(ast.unparse(part) for part in [*node.bases, *node.body[1:]])))
            assert explained <= words, f"{relative(path)}: {node.name}"


def calls(*attributes: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call of one of these on something named counters."""
    for path in BRIDGE:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in attributes:
                receiver = ast.unparse(node.func.value)
                if receiver.endswith("counters"):
                    yield relative(path), node


def test_what_is_counted_is_in_the_catalogue_and_what_is_in_the_catalogue_is_counted() -> None:
    counted: set[str] = set()
    for where, call in calls("count", "note", "fail"):
        name = call.args[0]
        assert isinstance(name, ast.Constant), f"{where}: the name of a counter is written out"
        assert name.value in COUNTERS, f"{where}: {name.value!r} is not in the catalogue"
        counted.add(str(name.value))
    refusals = {"refused_" + code.replace("-", "_") for code in REFUSALS}
    assert refusals == {name for name in COUNTERS if name.startswith("refused_")}
    assert counted | refusals == set(COUNTERS)
    assert not counted & refusals


def test_every_refusal_that_is_raised_has_a_code_of_the_catalogue() -> None:
    raised: set[object] = set()
    for path in BRIDGE:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Refused" and node.args:
                code = node.args[0]
                if isinstance(code, ast.Constant):
                    raised.add(code.value)
    assert raised
    assert raised <= set(REFUSALS)


def test_codes_are_in_the_style_of_the_contract() -> None:
    for code, words in REFUSALS.items():
        assert code == code.lower()
        assert code.replace("-", "").isalpha()
        assert words
