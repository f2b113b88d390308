"""Objects are complete when they are made: what an object has is said in one place, its `__init__` or its class."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process import ROOT
from tests.unit.folders import each_of

MODULES = [ROOT / "app.py", *sorted((ROOT / "bridge").rglob("*.py"))]
MAKING = ("__init__", "__new__", "__post_init__")


def classes(code: ast.AST) -> list[ast.ClassDef]:
    return [node for node in ast.walk(code) if isinstance(node, ast.ClassDef)]


ALL = {node.name: node for path in MODULES for node in classes(ast.parse(path.read_text(encoding="utf-8")))}


def methods(node: ast.ClassDef) -> dict[str, ast.FunctionDef]:
    return {one.name: one for one in node.body if isinstance(one, ast.FunctionDef)}


def set_in(node: ast.AST) -> set[str]:
    """The attributes of `self` that are assigned, however: also in tuples, loops and `with`."""
    return {
        each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute)
        and isinstance(each.ctx, ast.Store)
        and isinstance(each.value, ast.Name)
        and each.value.id == "self"
    }


def called_by(method: ast.FunctionDef) -> Iterator[str]:
    """The methods of its own that it calls as a statement of its body: whatever happens."""
    for statement in method.body:
        call = statement.value if isinstance(statement, ast.Expr) else None
        if isinstance(call, ast.Call) and ast.unparse(call.func).startswith("self."):
            yield ast.unparse(call.func).removeprefix("self.")


def made_with(node: ast.ClassDef) -> set[str]:
    """What its objects have from the beginning, by its body, what makes them, and its bases."""
    found: set[str] = set()
    for statement in node.body:
        targets = [statement.target] if isinstance(statement, ast.AnnAssign) else getattr(statement, "targets", [])
        found |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    own = methods(node)
    for name in MAKING:
        if name in own:
            found |= set_in(own[name])
            found |= {each for helper in called_by(own[name]) if helper in own for each in set_in(own[helper])}
    found |= {name for name, method in own.items() if method.decorator_list}  # a property that can be set
    for base in node.bases:
        name = ast.unparse(base).partition("[")[0]
        found |= made_with(ALL[name]) if name in ALL and ALL[name] is not node else set()
    return found


def created_late(node: ast.ClassDef) -> set[str]:
    others = [method for name, method in methods(node).items() if name not in MAKING]
    return {name for method in others for name in set_in(method)} - made_with(node)


def created_outside(code: ast.AST) -> Iterator[str]:
    for node in classes(code):
        yield from (f"{node.name}.{name}" for name in sorted(created_late(node)))


@each_of(MODULES)
def test_no_attribute_is_created_after_an_object_was_made(path: Path) -> None:
    found = list(created_outside(ast.parse(path.read_text(encoding="utf-8"))))
    assert not found, (
        f"{path.name}: {', '.join(found)}: set it in __init__, or declare it in the class if a library's base has it"
    )


@pytest.mark.parametrize(
    "late",
    ["self.b = 1", "self.a, self.b = 1, 2", "for self.b in (1,): pass", "self.b: int = 1", "self.b += 1"],
)
def test_an_attribute_that_only_another_method_sets_is_found(late: str) -> None:
    code = f"class A:\n    def __init__(self):\n        self.a = 1\n\n    def run(self):\n        {late}\n"
    assert list(created_outside(ast.parse(code))) == ["A.b"]
    whole = code.replace("self.a = 1", "self.a = self.b = 1")
    assert not list(created_outside(ast.parse(whole)))
