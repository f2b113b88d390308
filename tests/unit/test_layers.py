"""The rules that the code keeps: who imports whom, how long things are, and that what is counted has a name."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

from bridge.errors import REFUSALS
from bridge.tally import COUNTERS
from tests.process import ROOT

BASE = ["errors", "version", "names", "tally", "messages", "alarm", "output"]
READING = ["framing_*", "framing", "codec", "keyed"]
HINTS = ["recogniser*", "hint", "patterns", "hints"]
STANDING = ["states", "delays", "changes", "standing"]
LOOKING = ["turns", "vitals", "sockets", "probe", "silence", "watch", "progress"]
CONNECTION = [*READING, *HINTS, "dial", *STANDING, *LOOKING, "outgoing", "writer", "reader", "exchange", "connection"]
WAITING = ["entries", "handed", "holding", "confirming", "keeping", "line", "uplink"]

WHO = ["visit", "users", "waiting"]
RELAYING = ["pace", "wires", "comings", "anywhere", "relay"]
HOOKS = ["answers", "checks", "beside", "handlers", "handlers_file", "calls", "opening", "unheard"]
ROUTING = ["lookalike", "addressees", "undelivered", "reading", "routing"]
PACKETS = ["frames", "offsets", "packets", "backlog", "pressure", "port", "limits", "outbox_states", "outbox"]
RETURNING = ["tokens", "history", "sessions", "audience"]

#: One list a side, lowest first. A module may import what is before it in its list, and what else is
#: given; an entry with a star is one place for several modules, which may import each other.
SIDES: dict[str, tuple[list[str], list[str]]] = {
    "base": (BASE, []),
    "logs": (["logs"], []),
    "state": (["state"], []),
    "settings": (["config*"], BASE),
    "link": ([*CONNECTION, "heartbeat", *WAITING], BASE),
    "relay": (
        [*WHO, "inbound", *ROUTING, *HOOKS, "bursts", "presence", "acks", "once", "replies", "events", *RELAYING],
        BASE,
    ),
    "clients": ([*PACKETS, *RETURNING, "keys", "pieces", "shares", "snapshots", "fanout", "recovery", "engine*"], BASE),
    "web": (["*"], BASE),
    "demo": (["demo*"], [*BASE, "link.framing", "link.codec"]),
}
FOLDERS = ("link", "relay", "clients", "web")

#: Libraries that only some modules may import: by what their paths begin with.
ONLY_IN = {
    "eventlet": ["app.py", "bridge/clients/engine", "bench/peers", "tests/behaviour/app.py", "tests/unit/ends.py"],
    "flask": ["bridge/web/", "bridge/clients/engine"],
    "flask_socketio": ["bridge/clients/engine"],
    "socketio": ["bridge/clients/engine"],
    "engineio": ["bridge/clients/engine"],
    "socket": [
        "bridge/link/dial.py",
        "bridge/link/probe.py",
        "bridge/link/reader.py",
        "bridge/link/connection.py",
        "bridge/link/sockets.py",
        "bridge/clients/engine",
        "bridge/demo",
    ],
    "select": [],
    "asyncio": [],
}

LONGEST_FUNCTION = 40
LONGEST_MODULE, LONGEST_TEST = 300, 500


def paths(*folders: str) -> list[Path]:
    return sorted(
        path for folder in folders for path in (ROOT / folder).rglob("*.py") if "node_modules" not in str(path)
    )


BRIDGE = [ROOT / "app.py", *paths("bridge")]
TESTS = paths("tests")
EVERYTHING = [*BRIDGE, ROOT / "needs.py", *TESTS, *paths("bench", "examples", "tools")]


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
    return found - {"", "link", "relay", "clients"}  # packages without code of their own


def place(name: str) -> tuple[str, str, int]:
    """A module's side, its entry there, and the entry's place."""
    folder, _, rest = name.partition(".")
    inside = folder in FOLDERS
    for side in [folder] if inside else [side for side in SIDES if side not in FOLDERS]:
        for index, entry in enumerate(SIDES[side][0]):
            if fnmatch(rest if inside else name, entry):
                return side, entry, index
    raise AssertionError(f"bridge/{name.replace('.', '/')} has no place among the layers: see SIDES")


#: Who may see more than one side.
WIRES = ("app.py", "bridge/wiring.py", "bridge/decoding.py")

MODULES = [
    path
    for path in paths("bridge")
    if (path.name != "__init__.py" or "engine" in relative(path)) and relative(path) not in WIRES
]


@pytest.mark.parametrize("path", MODULES, ids=module)
def test_a_module_imports_only_what_is_below_it_on_its_side(path: Path) -> None:
    side, entry, index = place(module(path))
    for name in own_imports(path):
        if name in SIDES[side][1]:
            continue
        other, other_entry, other_index = place(name)
        together = "*" in entry and entry == other_entry
        assert other == side, f"{module(path)} imports {name}, which is of another side"
        assert other_index < index or together, f"{module(path)} imports {name}, which is above it"


def test_only_app_wiring_and_decoding_see_more_than_one_side() -> None:
    for path in BRIDGE:
        sides = {place(name)[0] for name in own_imports(path) - {"wiring", "decoding"}} - {"base"}
        if relative(path) not in WIRES and not module(path).startswith("demo"):
            assert len(sides) <= 1, f"{relative(path)} sees {sides}"


@pytest.mark.parametrize("folder", ["", *FOLDERS])
def test_a_package_imports_nothing_from_outside_of_it(folder: str) -> None:
    for name in own_imports(ROOT / "bridge" / folder / "__init__.py"):
        assert name.startswith(f"{folder}.") if folder else name == "version"


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


@pytest.mark.parametrize("path", EVERYTHING, ids=relative)
def test_no_module_is_long(path: Path) -> None:
    limit = LONGEST_TEST if path in TESTS else LONGEST_MODULE
    length = len(path.read_text(encoding="utf-8").splitlines())
    assert length <= limit, f"{relative(path)} has {length} lines"


@pytest.mark.parametrize("path", BRIDGE, ids=relative)
def test_a_module_says_what_it_is_and_what_of_it_is_for_others(path: Path) -> None:
    code = tree(path)
    if not code.body:
        return
    assert ast.get_docstring(code), f"{relative(path)} has no docstring"
    if path.name in ("__init__.py", "app.py"):
        return
    found = None
    if "engine" not in path.parts and path.name != "wiring.py":  # which import eventlet
        found = importlib.import_module("bridge." + module(path))
    names = [n for n in code.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "__all__"]
    assert len(names) == 1, f"{relative(path)} has no __all__"
    for name in ast.literal_eval(names[0].value):
        assert found is None or hasattr(found, name), f"{relative(path)} has no {name}"


def calls(*attributes: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call of one of these on something named tally."""
    for path in BRIDGE:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in attributes:
                receiver = ast.unparse(node.func.value)
                if receiver.endswith("tally"):
                    yield relative(path), node


def test_what_is_counted_is_in_the_catalogue_and_what_is_in_the_catalogue_is_counted() -> None:
    counted: set[str] = set()
    for where, call in calls("count", "note"):
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
