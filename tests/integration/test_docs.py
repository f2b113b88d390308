"""The documents say what is true: links lead somewhere, tables are complete, the README's commands run.

The README's server, page and handler are run together in tests/browser/test_documents.py.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from bridge.config import SETTINGS
from bridge.counters import COUNTERS
from bridge.errors import REFUSALS
from bridge.link.hint import CODES
from bridge.link.states import TRANSITIONS
from bridge.relay.undelivered import KINDS
from tests.client import Client
from tests.documents import PROTOCOL, README, blocks, document, rows, section, stated
from tests.process import ROOT, check_all, environment
from tests.tcpserver import TcpServer
from tests.waiting import PATIENCE, Log

SKIPPED = {".venv", "node_modules", "target", "build"}
DOCUMENTS = [path for path in ROOT.rglob("*.md") if not SKIPPED & set(path.relative_to(ROOT).parts)]


def anchors(document: Path) -> set[str]:
    """The headings as GitHub has them in addresses."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_between_documents_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        file, _, anchor = target.partition("#")
        if "://" in target:
            continue
        path = document.parent / file if file else document
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_of_the_code_that_a_document_names_is_there(path: Path) -> None:
    places = [path.parent, path.with_suffix(""), ROOT, ROOT / "bridge", *(ROOT / "bridge").glob("*/")]
    for name in re.findall(r"(?<![\w/.-])\w[\w/-]*\.py\b", path.read_text(encoding="utf-8")):
        assert any((place / name).exists() for place in places), name


def test_the_table_of_counters_is_that_of_the_code() -> None:
    assert rows(section(document("counters"), "All counters")) == COUNTERS, "see docs/counters.md"


def test_a_counter_whose_rise_is_explained_is_one() -> None:
    table = section(document("counters"), "What a rising counter means")
    named = [name for line in table.splitlines() for name in re.findall(r"`(\w+)`", line.split(" | ")[0])]
    assert len(named) > 30
    assert set(named) <= set(COUNTERS)


def test_the_page_tells_of_each_trouble_that_the_status_lists() -> None:
    lists = {name for name, value in stated().items() if value is None or isinstance(value, list)}
    script = (ROOT / "static" / "bridge" / "problems.js").read_text(encoding="utf-8")
    told = re.findall(r"^  (\w+): \(", script.partition("const KINDS = {")[2], re.MULTILINE)
    assert set(told) == lists, "static/bridge/problems.js, KINDS"


def test_troubleshooting_has_every_code_of_a_hint_and_every_kind_that_reached_nobody() -> None:
    first = [line.strip().split(" | ")[0] for line in document("troubleshooting").splitlines()]
    assert {*CODES, *KINDS} <= set(re.findall(r"`([\w-]+)`", " ".join(cell for cell in first if cell[:1] == "|")))


def test_the_table_of_ack_codes_is_that_of_the_code() -> None:
    assert rows(section(PROTOCOL, "Acks")) == REFUSALS


@pytest.mark.parametrize("name", ["bad-input", "security"])
def test_each_row_names_a_test_that_exists(name: str) -> None:
    lines = [line for line in document(name).splitlines() if line.startswith("| ")]
    wanted = [line for line in lines if not line.startswith(("| input |", "| line |"))]
    assert len(wanted) > 40
    for line in wanted:
        named = re.search(r"\| `(tests/[\w/]+\.py)::(\w+)` \|$", line)
        assert named, line
        assert f"def {named[2]}(" in (ROOT / named[1]).read_text(encoding="utf-8"), line


def test_each_row_of_what_can_grow_names_its_limit_and_a_test_that_exists() -> None:
    lines = [line for line in document("limits").splitlines() if line[:2] == "| "]
    wanted = [line for line in lines if not line.startswith("| what |")]
    assert len(wanted) > 50
    assert len(set(wanted)) == len(wanted), "a row stands there twice"
    for line in wanted:
        *_, limit, setting, _, seen, shown = line.strip("| ").split(" | ")
        assert limit != "–", line
        assert set(re.findall(r"`--([\w-]+)`", setting)) <= {item.flag.removeprefix("--") for item in SETTINGS.values()}
        assert set(re.findall(r"`(\w+_\w+)`", seen)) <= set(COUNTERS), line
        named = re.fullmatch(r"`(tests/[\w/]+\.py)::(\w+)`", shown)
        assert named, line
        assert f"def {named[2]}(" in (ROOT / named[1]).read_text(encoding="utf-8"), line


def test_the_transitions_of_the_link_are_those_of_the_document() -> None:
    table = section(document("architecture"), "The link's states")
    found = re.findall(r"^\| (\w+) \| (\w+) \| (\w+) \| ([\w -]+) \|$", table, re.MULTILINE)
    coded = {
        (state.value, event.value, following.value, action.value)
        for (state, event), (following, action) in TRANSITIONS.items()
    }
    assert set(found) == coded
    assert len(found) == len(coded)


def commands() -> list[str]:
    """Every command in the README's blocks, without what is said of it."""
    lines = [line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line]


@contextmanager
def typed(command: list[str]) -> Iterator[str]:
    """Run a command as in a terminal, with Ctrl-C at the end; the address that it says to open."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        cwd=ROOT, env=environment(), start_new_session=True,
    )  # fmt: skip
    log: Log[str] = Log()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            log.add(line)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        found = re.search(r"open (http://\S+)", log.wait(lambda line: "open http://" in line, timeout=60))
        assert found
        yield found[1]
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(PATIENCE)
        reader.join(PATIENCE)
        assert process.stdout is not None
        process.stdout.close()
    assert not any("Traceback" in line for line in log.entries), log.entries


def make(*arguments: str) -> list[str]:
    """`make …` with this Python in place of the virtual environment that it would make."""
    folder = Path(sys.executable).parent
    return ["make", "-o", ".venv/.run", "-o", ".venv/.dev", *arguments, f"BIN={folder}"]


def test_the_readme_has_the_commands_that_are_run_here() -> None:
    assert commands() == [
        "make run",
        "make test",
        "python3 server.py",  # tests/browser/test_documents.py
        "make run SERVER=localhost:8000",
        'make run SERVER=localhost:8000 ARGS="--site page"',
    ]


def test_no_document_says_python_where_a_fresh_machine_has_none() -> None:
    programs = [path for folder in ("docs", "examples", "bridge") for path in (ROOT / folder).rglob("*.py")]
    for path in [*DOCUMENTS, *ROOT.glob("*.toml"), *programs]:
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not re.search(r"(?<![/\w])python (\w+/)*\w+\.py", line), f"{path}: {line}"


def test_make_run_opens_a_page_with_the_demo_server() -> None:
    with typed(make("run", "ARGS=--port 0")) as url:
        assert "<canvas" in requests.get(url, timeout=PATIENCE).text
        with Client(url) as ann:
            ann.linked()  # the address is printed before the link is up
            assert requests.get(f"{url}/readyz", timeout=PATIENCE).ok


def test_make_run_takes_ones_own_server_and_page(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("my page", encoding="utf-8")
    *_, command = commands()
    with TcpServer() as server:
        here = command.replace("localhost:8000", server.address).replace("--site page", f"--site {tmp_path} --port 0")
        _, *arguments = shlex.split(here)
        with typed(make(*arguments)) as url:
            server.accept()
            assert requests.get(f"{url}/bridge/status", timeout=PATIENCE).json()["link"]["server"] == server.address
            assert requests.get(url, timeout=PATIENCE).text == "my page"


def test_the_bridge_is_started_without_make() -> None:
    found = re.search(r"Without make: `\.venv/bin/python (app\.py --server) localhost:8000`", README)
    assert found
    with TcpServer() as server, typed([sys.executable, *found[1].split(), server.address, "--port", "0"]):
        server.accept()


def test_make_test_runs_the_tests_and_make_help_lists_every_target() -> None:
    said = subprocess.run(make("-n", "test"), cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "-m pytest" in said
    said = subprocess.run(make("help"), cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("run", "run-scala", "check", "test", "test-all", "lint", "bare", "bench"):
        assert re.search(rf"^{target} ", said, re.MULTILINE), said


def test_every_framing_that_the_readme_names_is_one() -> None:
    table = section(README, "Your own server in ten lines")
    words = re.findall(r"`([^`]+)`", "".join(line.split("|")[1] for line in table.splitlines() if line[:3] == "| `"))
    assert {"~", "\\n", "json", "length:4", "netstring", "varint", "none"} <= set(words)
    words = sorted(set(words) - {"be", "le"})
    ends = check_all([[*([] if word == "none" else ["--framing-in", word]), "--framing-out", word] for word in words])
    assert dict(zip(words, ends, strict=True)) == dict.fromkeys(words, (0, ""))
