"""A calculator over TCP, for trying askers.py: a line is a sum such as `2 + 3 * 4`, and a line is the answer.

It answers in the order of the questions, half a second each, and its answers say nothing of whose they are.

Use: `python3 server.py [port]` (8000 if not given; 0 takes a free one).
"""

from __future__ import annotations

import ast
import operator
import socket
import sys
import time
from collections.abc import Callable

PACE = 0.5  # seconds for an answer
DEEPEST = 50  # brackets

OPERATORS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip


def value(node: ast.AST, depth: int = 0) -> float:
    """Of a sum. Raises ValueError for anything else."""
    if depth < DEEPEST:
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
            return float(node.value)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -value(node.operand, depth + 1)
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            return OPERATORS[type(node.op)](value(node.left, depth + 1), value(node.right, depth + 1))
    raise ValueError


def answer(line: str) -> str:
    """What is said to a line."""
    try:
        return f"{value(ast.parse(line.strip(), mode='eval').body):.12g}"
    except (ValueError, SyntaxError, ArithmeticError, RecursionError, MemoryError):
        return "that is no sum"


def serve(connection: socket.socket) -> None:
    """One bridge, until it goes."""
    pending = b""
    while data := connection.recv(65536):
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            time.sleep(PACE)
            connection.sendall(answer(line.decode(errors="replace")).encode() + b"\n")


def main(port: int) -> None:
    """Listen and serve for ever, one bridge at a time."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
        while True:
            connection, _ = listener.accept()
            with connection:
                try:
                    serve(connection)
                except OSError as error:
                    print(f"the bridge has gone: {error}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8000)
