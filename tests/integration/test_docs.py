"""The documents say what is true: links lead somewhere, tables are complete, the README's lines run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.errors import REFUSALS
from bridge.link.connection import TRANSITIONS
from bridge.tally import COUNTERS
from tests.client import Client
from tests.process import ROOT, Bridge, environment
from tests.waiting import PATIENCE, Log

SKIPPED = {".venv", "node_modules", "target", "build"}
DOCUMENTS = [path for path in ROOT.rglob("*.md") if not SKIPPED & set(path.relative_to(ROOT).parts)]
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()
README = (ROOT / "README.md").read_text()


def blocks(kind: str) -> list[str]:
    """The README's fenced blocks of one kind."""
    return re.findall(rf"```{kind}\n(.*?)```", README, re.DOTALL)


def section(text: str, title: str) -> str:
    """What stands under a heading of the second level."""
    return text.split(f"\n## {title}\n")[1].split("\n## ", maxsplit=1)[0]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_between_documents_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def test_the_table_of_counters_is_complete() -> None:
    names = re.findall(r"^\| `(\w+)`", section(PROTOCOL, "Counters"), re.MULTILINE)
    assert sorted(names) == sorted(COUNTERS)


def test_the_table_of_ack_codes_is_complete() -> None:
    codes = re.findall(r"^\| `([a-z-]+)`", section(PROTOCOL, "Acks"), re.MULTILINE)
    assert sorted(codes) == sorted(REFUSALS)


def test_each_row_of_bad_input_names_a_test_that_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", section(PROTOCOL, "Behaviour on bad input"))
    assert len(named) > 40
    for file, name in named:
        assert f"def {name}(" in (ROOT / file).read_text(), f"{file}::{name}"


def test_the_transitions_of_the_link_are_those_of_the_document() -> None:
    table = section((ROOT / "docs" / "architecture.md").read_text(), "The link's states")
    rows = re.findall(r"^\| (closed|connecting|connected|waiting) \| ([a-z, ]+) \|$", table, re.MULTILINE)
    said = {state: set(to.split(", ")) for state, to in rows}
    assert said == {state.value: {to.value for to in targets} for state, targets in TRANSITIONS.items()}


def test_the_readmes_server_page_and_handler_work_together(tmp_path: Path) -> None:
    server_code, handler = blocks("python")
    (page,) = blocks("html")
    (tmp_path / "index.html").write_text(page)
    (tmp_path / "game.py").write_text(handler)
    server = subprocess.Popen(
        [sys.executable, "-u", "-c", server_code.replace("8000", "0").replace(
            "connection, _ = socket.create_server((\"localhost\", 0)).accept()",
            "listener = socket.create_server((\"localhost\", 0)); print(listener.getsockname()[1])\n"
            "connection, _ = listener.accept()",
        )],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(),
    )  # fmt: skip
    assert server.stdout is not None
    port = int(server.stdout.readline())
    got: Log[str] = Log()
    flags = ("--site", str(tmp_path), "--handlers", str(tmp_path / "game.py"))
    with Bridge("--server", f"localhost:{port}", *flags) as bridge, Client(bridge.url) as ann:
        ann.linked()
        assert ann.ask("click", {"n": 1})["ok"]
        for line in server.stdout:
            got.add(line)
            if "gold" in line:
                break
        assert '"amount":2}~' in got.entries[-1]
    server.kill()
    server.wait(PATIENCE)
    server.stdout.close()


def test_the_readmes_commands_are_targets_of_make() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"make ([a-z-]+)", README)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
