"""Writes docs/handlers.md, every hook and every attribute of what a handlers file has, from the docstrings.

Use: `python -m tools.reference` writes it; `text()` is what it should have, which a test compares.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from pathlib import Path

from bridge.errors import REFUSALS, Refused
from bridge.relay import hook_results
from bridge.relay.handlers import Ask, Bridge
from bridge.relay.hook_results import Emit, Frame
from bridge.relay.users import Client

__all__ = ["DOCUMENT", "text"]

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "handlers.md"

HEAD = """\
# Handlers: the reference

Made by `python -m tools.reference` from the code; how they are used is told, with examples, in
[examples/handlers](../examples/handlers/README.md).

```python
from bridge import Bridge, Client, Emit, Frame, Refused, ToClients, ToServer
```

are the types, for an editor and for `mypy --strict` (`MYPYPATH` is the bridge's folder). A file needs none of them.
"""

#: Attributes that have no docstring of their own.
WORDS = {
    "app": "The Flask app: add routes, forms and filters to it.",
    "DEFAULT": "What `on_message` and the hooks of presence return to have what there would be without them.",
    "Emit": "The class, see below.",
    "Frame": "The class, see below.",
    "Refused": "The class, see below.",
}


def text() -> str:
    """The document."""
    hooks = [name for name in vars(Bridge) if name.startswith("on_")]
    others = [name for name in vars(Bridge) if not name.startswith(("on_", "_")) and name != "run"]
    parts = [
        HEAD,
        "## Hooks\n",
        *(_entry(Bridge, name, "@bridge.") for name in hooks),
        f"### `ask(frame, seconds=5.0)`\n\n{_doc(Ask)}\n",
        "## `bridge`\n",
        *(_entry(Bridge, name, "bridge.") for name in ["app", *others]),
        f"## `Client`\n\n{_doc(Client)}\n",
        *(_entry(Client, name, "client.") for name in vars(Client) if _is_shown(Client, name)),
        f"## `Emit`\n\n`{_signature('Emit', Emit)}`\n\n{_doc(Emit)}\n",
        f"## `Frame`\n\n`{_signature('Frame', Frame)}`\n\n{_doc(Frame)}\n",
        f"## `Refused`\n\n`{_signature('Refused', Refused)}`\n\n{_doc(Refused)}\n",
        "| code | says, if no message is given |\n|---|---|\n"
        + "".join(f"| `{code}` | {words} |\n" for code, words in REFUSALS.items()),
        f"## Types\n\n`ToServer`, what a hook may return for the server:\n\n    {_alias('ToServer')}\n\n"
        f"`ToClients`, what `on_message` may return:\n\n    {_alias('ToClients')}\n",
    ]
    return "\n".join(parts)


def _is_shown(owner: type, name: str) -> bool:
    is_field = dataclasses.is_dataclass(owner) and name in {field.name for field in dataclasses.fields(owner)}
    return not name.startswith("_") and not is_field


def _entry(owner: type, name: str, prefix: str) -> str:
    found = inspect.getattr_static(owner, name, None)
    if name in WORDS:
        return f"### `{prefix}{name}`\n\n{WORDS[name]}\n"
    if isinstance(found, property):
        returned = inspect.signature(found.fget).return_annotation if found.fget else ""
        return f"### `{prefix}{name}`: `{_type(returned)}`\n\n{_doc(found)}\n"
    if prefix == "@bridge." and list(inspect.signature(found).parameters) == ["self", "function"]:
        return f"### `{prefix}{name}`\n\n{_doc(found)}\n"
    return f"### `{_signature(prefix + name, found)}`\n\n{_doc(found)}\n"


def _signature(name: str, function: object) -> str:
    """The call, with its types."""
    shown = []
    star = False
    for parameter in inspect.signature(function).parameters.values():  # type: ignore[arg-type]
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            star = True
            shown.append("*")
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        shown.append(f"{parameter.name}: {_type(parameter.annotation)}{default}")
    return f"{name}({', '.join(shown)})"


def _type(annotation: object) -> str:
    words = annotation if isinstance(annotation, str) else str(annotation)
    return re.sub(r"\b(?:typing|collections\.abc|bridge(?:\.\w+)+)\.", "", words)


def _alias(name: str) -> str:
    """As it is written; other versions of Python would show it otherwise."""
    for node in ast.parse(inspect.getsource(hook_results)).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.unparse(node.value)
    raise AssertionError(f"there is no {name}")


def _doc(thing: object) -> str:
    return inspect.getdoc(thing) or ""


def main() -> None:
    """Write it."""
    DOCUMENT.write_text(text(), encoding="utf-8")
    print(f"written: {DOCUMENT}")


if __name__ == "__main__":
    main()
