"""Find everything in a source file that can be changed, one thing at a time, so that a test ought to notice.

Never in docstrings, annotations, decorators, assertions, names that a module exports, what is logged, and text with
spaces in it, which people read. Must not know how a mutant is run.

Use: `for mutant in mutants("bridge/link/backoff.py", source): mutant.source(source)`.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Mutant", "mutants"]

SWAPPED: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,), ast.NotIn: (ast.In,), ast.And: (ast.Or,), ast.Or: (ast.And,),
    ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.FloorDiv,), ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,), ast.Mod: (ast.Mult,), ast.LShift: (ast.RShift,), ast.RShift: (ast.LShift,),
    ast.BitAnd: (ast.BitOr,), ast.BitOr: (ast.BitAnd,), ast.BitXor: (ast.BitOr,),
}  # fmt: skip
LOGGED = ("log", "logging", "warnings", "logger")
UNTOUCHED = (ast.JoinedStr, ast.Assert, ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal)
EXPORTED = ("__all__", "__slots__")


@dataclass(frozen=True)
class Mutant:
    """One change. `start`, `end`: where in the source's bytes; `where`: the function or class that it is in; `line`:
    from 1; `first`, `last`: the lines of its statement; `names`: what that one makes, if it is outside of functions."""

    path: str
    where: str
    line: int
    first: int
    last: int
    names: tuple[str, ...]
    start: int
    end: int
    text: str
    before: str
    after: str

    def is_code(self, whole: str) -> bool:
        """Whether Python can read it."""
        try:
            ast.parse(self.source(whole))
        except SyntaxError:
            return False
        return True

    @property
    def key(self) -> str:
        """Names it wherever its line may have moved to."""
        return f"{self.path} {self.where}: {self.before} -> {self.after}"

    def source(self, whole: str) -> str:
        """The file with this change in it."""
        data = whole.encode()
        return (data[: self.start] + self.text.encode() + data[self.end :]).decode()


def mutants(path: str, source: str) -> list[Mutant]:
    """All of a file, in its order."""
    found: dict[str, Mutant] = {}
    place = Place(path, source)
    for scope, node in nodes(ast.parse(source), Scope()):
        for text in changes(node):
            mutant = place.mutant(scope, node, text)
            found.setdefault(f"{mutant.start} {mutant.key}", mutant)
    return list(found.values())


@dataclass(frozen=True)
class Scope:
    """Where a node is: see Mutant. `function`: whether that is inside of one."""

    where: str = ""
    function: bool = False
    first: int = 0
    last: int = 0
    names: tuple[str, ...] = ()

    def inside(self, node: ast.AST) -> Scope:
        """That of what is in this node."""
        if not isinstance(node, ast.stmt):
            return self
        body = getattr(node, "body", None)
        last = body[0].lineno - 1 if body else node.end_lineno or node.lineno
        first = node.lineno
        names: tuple[str, ...] = ()
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            where = f"{self.where}.{node.name}".lstrip(".")
            return Scope(where, isinstance(node, ast.FunctionDef), first, max(first, last), (node.name,))
        if not self.function:
            names = tuple(one.id for one in ast.walk(node) if isinstance(one, ast.Name) and is_stored(one))
        return Scope(self.where, self.function, first, max(first, last), names)


def is_stored(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


class Place:
    """Where nodes are in the text of one file."""

    def __init__(self, path: str, source: str) -> None:
        self._path, self._data = path, source.encode()
        self._starts = [0]
        for line in self._data.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    def mutant(self, scope: Scope, node: ast.expr | ast.stmt, text: str) -> Mutant:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = self._starts[node.lineno - 1] + node.col_offset
        end = self._starts[node.end_lineno - 1] + node.end_col_offset
        changed = self._data[:start] + text.encode() + self._data[end:]
        begin, stop = self._starts[node.lineno - 1], self._starts[node.end_lineno]
        before, after = self._data[begin:stop], changed[begin : stop + len(changed) - len(self._data)]
        return Mutant(
            self._path, scope.where, node.lineno, scope.first, scope.last, scope.names,
            start, end, text, plain(before), plain(after),
        )  # fmt: skip


def plain(lines: bytes) -> str:
    """In one line, without the comment behind it."""
    return " ".join(line.partition("  # ")[0].strip() for line in lines.decode().splitlines()).strip()


def nodes(tree: ast.AST, scope: Scope) -> Iterator[tuple[Scope, ast.expr | ast.stmt]]:
    """Each that may be changed, with where it is."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, UNTOUCHED) or untouched(child, tree):
            continue
        inner = scope.inside(child)
        if isinstance(child, (ast.expr, ast.stmt)) and not isinstance(child, (ast.FunctionDef, ast.ClassDef)):
            yield inner, child
        yield from nodes(child, inner)


def untouched(node: ast.AST, parent: ast.AST) -> bool:
    if isinstance(parent, (ast.FunctionDef, ast.ClassDef)) and node in parent.decorator_list:
        return True
    if node in (getattr(parent, "annotation", None), getattr(parent, "returns", None)):
        return True
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) or logs(node.value)
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0]) in EXPORTED
    if isinstance(node, ast.Call):  # for type checkers, and names of types
        return ast.unparse(node.func) in ("cast", "TypeVar", "NamedTuple", "NewType")
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def logs(call: ast.expr) -> bool:
    return isinstance(call, ast.Call) and ast.unparse(call.func).split(".")[0] in LOGGED


def changes(node: ast.expr | ast.stmt) -> Iterator[str]:
    """What may stand in the place of this node."""
    if isinstance(node, ast.stmt):
        yield from of_statement(node)
    else:
        yield from of_expression(node)


def of_statement(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.Expr(value=ast.Call() | ast.Await() | ast.Yield()) | ast.Raise() | ast.Delete():
            yield "pass"
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield "pass"
        case ast.AugAssign(op=op):
            yield "pass"
            yield from with_op(node, "op", op)
        case ast.Return(value=ast.expr() as value) if not is_none(value):
            yield "return None"
        case ast.Break():
            yield "continue"
        case ast.Continue():
            yield "break"


def of_expression(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Compare(ops=[op]):
            yield from with_op(node, "ops", op)
        case ast.Compare(ops=ops):
            for index, op in enumerate(ops):
                yield from with_op(node, "ops", op, index)
        case ast.BoolOp(op=op) | ast.BinOp(op=op):
            yield from with_op(node, "op", op)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield f"({ast.unparse(operand)})"
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield ast.unparse(ast.IfExp(test, orelse, body)).join("()")
        case ast.Constant(value=value):
            yield from of_constant(value)


def of_constant(value: object) -> Iterator[str]:
    match value:
        case bool():
            yield str(not value)
        case int():
            yield str(value + 1)
        case float():
            yield repr(value * 2 + 1)
        case str() if " " not in value:
            yield repr(value + "~")
        case bytes() if b" " not in value:
            yield repr(value + b"~")


def with_op(node: ast.expr | ast.stmt, field: str, op: ast.AST, index: int | None = None) -> Iterator[str]:
    """The same with another operator."""
    for other in SWAPPED.get(type(op), ()):
        changed = copy.deepcopy(node)
        if field == "ops":
            changed.ops[index or 0] = other()  # type: ignore[union-attr]
        else:
            changed.op = other()  # type: ignore[union-attr]
        text = ast.unparse(changed)
        yield text if isinstance(node, ast.stmt) else f"({text})"


def is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None
