"""Whoever follows a recipe of CONTRIBUTING.md and leaves out a step is told which.

What only some recipes need is held elsewhere: framings by test_framing_registry.py, policies by test_slow_policies.py,
counters by test_layers.py, settings by test_config_docs.py, tables of the documents by test_docs.py.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from bridge.config import SETTINGS
from bridge.counters import COUNTERS
from tests.documents import PROTOCOL, section
from tests.process import ROOT

GIVERS = ("app.py", "bridge/wiring.py", "bridge/assembly.py")  # of settings to parts
INTERNAL = {"bridge:event"}  # what python-socketio's handlers get; no client is sent it
OWN_EVENT = re.compile(r"bridge:[a-z][a-z-]*")


@cache
def sources(folder: str) -> dict[Path, str]:
    """The files of Python in a folder, but for this one and for what is not tested from outside of a module."""
    return {path: path.read_text(encoding="utf-8") for path in (ROOT / folder).rglob("*.py") if path != Path(__file__)}


def literals(folder: str) -> Iterator[str]:
    """Every text that is written out in the code of a folder."""
    for text in sources(folder).values():
        nodes = ast.walk(ast.parse(text))
        yield from (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


OWN_EVENTS = sorted({text for text in literals("bridge") if OWN_EVENT.fullmatch(text)} - INTERNAL)


def test_the_protocol_lists_just_the_events_that_are_the_bridges_own() -> None:
    listed = re.findall(r"^\| `(bridge:[\w-]+)` \|", section(PROTOCOL, "The bridge's own events"), re.MULTILINE)
    assert sorted(listed) == OWN_EVENTS, "docs/protocol.md, The bridge's own events"


@pytest.mark.parametrize("event", OWN_EVENTS)
def test_an_event_of_the_bridges_own_is_waited_for_by_a_client_in_a_test(event: str) -> None:
    assert event in set(literals("tests/integration")), f"tests/integration: a client that gets {event}"


@pytest.mark.parametrize("counter", [name for name in COUNTERS if not name.startswith("refused_")])  # which are codes
def test_a_counter_is_looked_at_by_a_test(counter: str) -> None:
    assert any(counter in text for text in sources("tests").values()), f"no test looks at {counter}"


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_means_something_to_a_part_and_is_set_by_a_test(name: str) -> None:
    readers = [(ROOT / path).read_text(encoding="utf-8") for path in GIVERS]
    assert any(re.search(rf"\.{name}\b", text) for text in readers), f"bridge/wiring.py: no part is given {name}"
    given = re.compile(rf"{SETTINGS[name].flag}\b|\b{SETTINGS[name].variable}\b|\b{name} = ")
    assert any(given.search(text) for text in sources("tests").values()), f"no test gives {SETTINGS[name].flag}"
