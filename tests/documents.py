"""The documents as text, for tests that hold them to what they say.

Use: `blocks("python")` -> the README's fenced blocks of Python; `section(text, "Acks")`.
"""

from __future__ import annotations

import json
import re
from typing import Any

from tests.process import ROOT

__all__ = ["PROTOCOL", "README", "blocks", "document", "on_a_free_port", "rows", "section", "stated"]


def document(name: str) -> str:
    """The text of docs/NAME.md."""
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


PROTOCOL = document("protocol")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    """The README's fenced blocks of one kind."""
    return re.findall(rf"```{kind}\n(.*?)```", README, re.DOTALL)


def section(text: str, title: str) -> str:
    """What stands under a heading of the second level."""
    return text.split(f"\n## {title}\n")[1].split("\n## ", maxsplit=1)[0]


def rows(text: str) -> dict[str, str]:
    """A table's second column by its first, which stands in backquotes."""
    return dict(re.findall(r"^\| `([\w-]+)` \| (.*?) \|", text, re.MULTILINE))


def stated() -> dict[str, Any]:
    """The status, as the protocol shows it."""
    shown = section(PROTOCOL, "HTTP").partition("200 with this object: |\n")[2].partition("\n`")[0]
    found: dict[str, Any] = json.loads(shown.replace(", …", ""))
    return found


def on_a_free_port(code: str) -> str:
    """The README's server, listening on a free port instead of 8000, which it prints first."""
    listens = 'connection, _ = socket.create_server(("localhost", 8000)).accept()'
    assert listens in code
    free = 'listener = socket.create_server(("localhost", 0)); print(listener.getsockname()[1], flush=True)'
    return code.replace(listens, f"{free}\nconnection, _ = listener.accept()")
