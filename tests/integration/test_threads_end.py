"""No thread of the bridge ends unnoticed: each without which it is none ends it with 1, and says so."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.handlers import Handled, written
from tests.process import ROOT
from tests.tcpserver import TcpServer

ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
SECTION = ARCHITECTURE.partition("## The threads")[2].partition("\n## ")[0]
SOURCES = [ROOT / "app.py", *sorted((ROOT / "bridge").rglob("*.py"))]

#: How threads are named in the code.
NAMES = (
    r'VitalThread\("([^"]+)"',
    r'name=f?"((?:bridge|demo)-[^"]+)"',
    r'"(bridge-[a-z-]+)"\)',
    r'name = f?"(bridge-[^"]+)"',
)

HANDLERS = """
import eventlet, gc
from bridge.link.state_machine import StateMachine

def setup(bridge):
    def all_of(name):
        return [each for each in gc.get_objects() if type(each).__name__ == name]

    @bridge.on_event("vital")
    def vital(client):
        return sorted(each.name for each in all_of("VitalThread"))

    @bridge.on_event("end")
    def end(client, name):
        if name == "bridge-link":
            StateMachine.pause = None  # what it calls next, when the server has closed
        for each in all_of("VitalThread"):
            if each.name == name:
                eventlet.kill(each.thread, RuntimeError("ended by a handler"))
"""


def named(*patterns: str) -> list[str]:
    """The names of threads in the code, without what a docstring shows."""
    texts = [path.read_text(encoding="utf-8") for path in SOURCES if path.name != "vital_threads.py"]
    return sorted(name for text in texts for pattern in patterns for name in re.findall(pattern, text))


def without_fields(names: Iterable[str]) -> set[str]:
    """The same whatever a part that is filled in is called."""
    return {re.sub(r"\{[^}]*\}", "{}", name) for name in names}


def test_every_thread_is_in_the_document_and_no_other() -> None:
    first_cells = [line.split("|")[1] for line in SECTION.splitlines() if line.startswith("| `")]
    rows = without_fields(name for cell in first_cells for name in re.findall(r"`([^`]+)`", cell))
    assert rows - {"link/dial.py"} == without_fields(named(*NAMES))


@pytest.mark.parametrize("name", [*named(NAMES[0]), "bridge-link"])
def test_the_end_of_a_thread_without_which_it_is_no_bridge_ends_it_with_1(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, HANDLERS)
    with TcpServer() as server, Handled(server, [path]) as at:
        ann = at.client()
        ann.emit("vital")
        at.peer.frames.wait(lambda frame: frame.startswith(b"["))
        assert [one for one in at.peer.messages if isinstance(one, list)] == [named(NAMES[0])]
        ann.emit("end", name)
        if name == "bridge-link":
            assert ann.ask("later")["ok"]
            at.peer.close()
        assert at.bridge.ended() == 1
        said = [line for line in at.bridge.log.entries if "CRITICAL" in line]
        assert len(said) == 1
        assert "the bridge stops" in said[0]
        assert name.removeprefix("bridge-") in said[0]
        ann.close()
