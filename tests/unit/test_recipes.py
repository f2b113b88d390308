"""Whoever follows a recipe of CONTRIBUTING.md and leaves out a step is told which.

What only some recipes need is held elsewhere: framings by test_framing_registry.py, policies by test_slow_policies.py,
counters by test_layers.py, settings by test_config_docs.py, tables of the documents by test_docs.py, the status by
test_process.py.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from bridge.config import SETTINGS
from bridge.config.tree import DIFFERENT, NO_REPLY_KEY, OWN
from bridge.counters import COUNTERS
from bridge.delivery.slow_policies import POLICIES
from bridge.link.framing.registry import FRAMINGS
from bridge.link.hint import CODES
from bridge.link.states import LinkState
from tests.documents import PROTOCOL, README, document, section
from tests.process import ROOT

GIVERS = ("app.py", "bridge/wiring.py", "bridge/assembly.py")  # of settings to parts
INTERNAL = {"bridge:event"}  # what python-socketio's handlers get; no client is sent it
OWN_EVENT = re.compile(r"bridge:[a-z][a-z-]*")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
#: What the changelog need not name, because the first version, which it sums up, had it.
FIRST = {
    "--server", "--demo", "--framing-in", "--framing-out", "--max-frame", "--send-gap", "--link-queue", "--identity",
    "--payload", "--event", "--event-key", "--user-key", "--action-key", "--connected", "--disconnected", "--unhandled",
    "--handlers", "--host", "--port", "--site", "--allowed-origins", "--ping-interval", "--ping-timeout", "--log-level",
    "--log-format", "delim:", "json", "length:", "netstring", "varint", "none", "bridge:link", "bridge:user",
}  # fmt: skip
#: Fields of the server's messages that the bridge reads and nothing else: they may be the same as any other.
READ_ALONE = {"event_key", "latest_key", "snapshot_key"}


@cache
def sources(folder: str) -> dict[Path, str]:
    """The files of Python in a folder, but for this one."""
    return {path: path.read_text(encoding="utf-8") for path in (ROOT / folder).rglob("*.py") if path != Path(__file__)}


@cache
def literals(folder: str) -> frozenset[str]:
    """Every text that is written out in the code of a folder, and every name of an argument; no docstring."""
    found: set[str] = set()
    for text in sources(folder).values():
        nodes = list(ast.walk(ast.parse(text)))
        said = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        found.update(node.arg for node in nodes if isinstance(node, ast.keyword) and node.arg)
        texts = (node for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
        found.update(str(node.value) for node in texts if id(node) not in said)
    return frozenset(found)


OWN_EVENTS = sorted({text for text in literals("bridge") if OWN_EVENT.fullmatch(text)} - INTERNAL)


def test_the_protocol_lists_just_the_events_that_are_the_bridges_own() -> None:
    listed = re.findall(r"^\| `(bridge:[\w-]+)` \|", section(PROTOCOL, "The bridge's own events"), re.MULTILINE)
    assert sorted(listed) == OWN_EVENTS, "docs/protocol.md, The bridge's own events"


@pytest.mark.parametrize("event", OWN_EVENTS)
def test_an_event_of_the_bridges_own_is_waited_for_by_a_client_in_a_test(event: str) -> None:
    assert event in literals("tests/integration"), f"tests/integration: a client that gets {event}"


@cache
def words_of_tests() -> frozenset[str]:
    """Every word in what the tests write out."""
    return frozenset(word for text in literals("tests") for word in re.findall(r"\w+", text))


@pytest.mark.parametrize("counter", [name for name in COUNTERS if not name.startswith("refused_")])  # which are codes
def test_a_counter_is_looked_at_by_a_test(counter: str) -> None:
    assert counter in words_of_tests(), f"no test looks at {counter}"


def test_a_counter_says_that_something_is_wrong_or_is_among_those_that_rise_anyway() -> None:
    explained = section(document("counters"), "What a rising counter means")
    table = re.findall(r"^\| (.*?) \| .* \|$", explained, re.MULTILINE)
    bad = set(re.findall(r"`(\w+)`", " ".join(table))) & set(COUNTERS)
    anyway = re.search(r"^These rise in normal operation: (.*?)\.$", explained, re.MULTILINE | re.DOTALL)
    assert anyway
    good = set(re.findall(r"`(\w+)`", anyway[1]))
    where = "docs/counters.md, What a rising counter means"
    assert set(COUNTERS) - bad - good == set(), f"{where}: a row, or a word in the sentence after the table"
    assert good <= set(COUNTERS), where
    assert good & bad == set(), where


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_means_something_to_a_part_and_is_set_by_a_test(name: str) -> None:
    readers = [(ROOT / path).read_text(encoding="utf-8") for path in GIVERS]
    assert any(re.search(rf"\.{name}\b", text) for text in readers), f"bridge/wiring.py: no part is given {name}"
    given = re.compile(rf"{SETTINGS[name].flag}(?![\w-])|\b{SETTINGS[name].variable}\b|\b{name} = ")
    assert any(given.search(text) for text in literals("tests")), f"no test gives {SETTINGS[name].flag}"


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_explained_in_a_document_besides_the_tables_of_settings(name: str) -> None:
    wanted = re.compile(rf"{SETTINGS[name].flag}(?![\w-])|`{name}`")
    paths = [ROOT / "examples" / "handlers" / "README.md", *(ROOT / "docs").glob("*.md")]
    texts = [README, *(path.read_text(encoding="utf-8") for path in paths if path.name != "decisions.md")]
    rows = re.compile(r"^\| `--.* \| `BRIDGE_.*$", re.MULTILINE)
    assert any(wanted.search(rows.sub("", text)) for text in texts), (
        f"no document says what {SETTINGS[name].flag} does: docs/protocol.md?"
    )


def test_a_field_differs_from_the_bridges_own_or_is_among_those_that_are_read_alone() -> None:
    fields = {name for name, item in SETTINGS.items() if item.kind.metavar == "FIELD"}
    apart = {*NO_REPLY_KEY, *(name for pair in DIFFERENT for name in pair), *(name for name, _, _ in OWN)} & fields
    where = "DIFFERENT, NO_REPLY_KEY and OWN in bridge/config/tree.py, or READ_ALONE here"
    assert fields - apart == READ_ALONE, f"what may this field not be the same as? {where}"


@pytest.mark.parametrize("name", [*(item.flag for item in SETTINGS.values()), *FRAMINGS, *POLICIES, *OWN_EVENTS])
def test_the_changelog_names_what_the_first_version_had_not(name: str) -> None:
    word = re.compile(rf"(?<![\w-]){re.escape(name.rstrip(':'))}(?![\w-])")
    assert name in FIRST or word.search(CHANGELOG), f"CHANGELOG.md: {name}"


def page(name: str) -> str:
    """A script of the bridge's own page."""
    return (ROOT / "static" / "bridge" / f"{name}.js").read_text(encoding="utf-8")


def keys(script: str, name: str) -> set[str]:
    """The keys of an object that a script of the page has as a constant."""
    found = re.search(rf"^const {name} = \{{(.*?)\}};$", page(script), re.MULTILINE | re.DOTALL)
    assert found, f"static/bridge/{script}.js: {name}"
    return set(re.findall(r'(?:^|,)\s*"?([\w-]+)"?: ', re.sub(r"\{[^{}]*\}", "{}", found[1]), re.MULTILINE))


def test_the_page_listens_to_just_the_events_that_are_the_bridges_own() -> None:
    assert sorted(re.findall(r'socket\.on\("(bridge:[\w-]+)"', page("page"))) == OWN_EVENTS, "static/bridge/page.js"


def test_the_page_has_words_for_each_state_of_the_link_and_each_reason_of_a_close() -> None:
    states = {state.value for state in LinkState}
    assert keys("status", "LINK") == states | {"silent", "stalled"}, "static/bridge/status.js, LINK"
    assert keys("status", "HINTED") <= set(CODES), "static/bridge/status.js, HINTED"
    row = re.search(r"^\| `bridge:closing` \|.*$", PROTOCOL, re.MULTILINE)
    assert row
    ends = set(re.findall(r"[.;] `([\w-]+)`:", row[0]))
    assert ends
    assert keys("status", "CLOSED") == ends, "static/bridge/status.js, CLOSED"
