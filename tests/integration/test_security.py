"""What docs/security.md says of cookies, logs, pids and what others may read, where no other test has it."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from tests.process import ROOT, Bridge
from tests.raw import Raw
from tests.returning import Returning
from tests.tcpserver import TcpServer
from tests.waiting import PATIENCE

PAGES = ("/", "/static/style.css", "/no-such-page", "/healthz", "/readyz", "/socket.io/?EIO=4&transport=polling")
MAKES_CODE = re.compile(r"\beval\(|new Function\(|innerHTML|outerHTML|insertAdjacentHTML|document\.write")
SECRET = "aFlagThatNobodyShouldRead"


@pytest.fixture(scope="module")
def bridge() -> Iterator[Bridge]:
    with TcpServer() as server, Bridge("--server", server.address) as running:
        server.accept()
        yield running


def test_no_answer_sets_a_cookie(bridge: Bridge) -> None:
    with requests.Session() as session:
        for path in PAGES:
            assert "set-cookie" not in session.get(bridge.url + path, timeout=PATIENCE).headers, path
        assert not session.cookies


def test_polls_are_not_kept_by_anybody(bridge: Bridge) -> None:
    assert requests.get(bridge.url + PAGES[-1], timeout=PATIENCE).headers["cache-control"] == "no-store"


def test_an_answer_to_another_origin_has_nothing_to_read(bridge: Bridge) -> None:
    """Without the header a browser keeps the answer from the page; and what it asks of Socket.IO is refused."""
    for path in PAGES:
        answer = requests.get(bridge.url + path, headers={"Origin": "https://elsewhere.example"}, timeout=PATIENCE)
        if path == PAGES[-1]:
            assert answer.status_code == 400  # it says why, which is all that there is
            assert "sid" not in answer.text
        else:
            assert "access-control-allow-origin" not in answer.headers, path


def test_pids_are_long_and_random(bridge: Bridge) -> None:
    pids = []
    for _ in range(20):
        with Returning(bridge) as client:
            pids.append(client.pid)
    parts = [pid.split(".") for pid in pids]
    for session, sid, mark, signature in parts:
        assert 6 * len(signature) >= 256
        assert re.fullmatch(r"[A-Za-z0-9_-]+", session + sid + mark + signature)
    for at in range(4):
        assert len({part[at] for part in parts}) == 20
    # Socket.IO's id is no secret, and the first 8 signs of the mark are the time at which it was made.
    columns = zip(*(session + mark[8:] for session, _, mark, _ in parts), strict=True)
    random = [signs for signs in columns if len(set(signs)) > 5]  # of 20, each one of 64
    assert 6 * len(random) >= 144


@pytest.mark.parametrize("place", ["query", "header", "cookie"])
def test_a_pid_is_taken_from_the_connect_packet_alone(bridge: Bridge, place: str) -> None:
    with Returning(bridge) as client:
        pid, sid = client.pid, client.sid
    query = f"&pid={quote(pid)}" if place == "query" else ""
    headers = {"header": {"pid": pid, "Authorization": f"Bearer {pid}"}, "cookie": {"Cookie": f"pid={pid}"}}.get(place)
    url = f"{bridge.url}/socket.io/?EIO=4&transport=polling{query}"
    session = requests.get(url, headers=headers, timeout=PATIENCE).text.split('"')[3]
    url += f"&sid={session}"
    assert requests.post(url, "40{}", headers=headers, timeout=PATIENCE).text == "ok"
    answer = requests.get(url, headers=headers, timeout=PATIENCE).text
    assert answer.startswith("40{")
    assert sid not in answer


def test_neither_a_pid_nor_what_is_said_is_in_the_log() -> None:
    with TcpServer() as server, Bridge("--server", server.address, "--log-level", "info") as bridge:
        peer = server.accept()
        with Returning(bridge) as reader, Raw(bridge) as writer:
            writer.ask(1, json.dumps(["say", SECRET]))
            peer.message(action="say")
            peer.send_json({"text": SECRET}, {"username": "nobody", "text": SECRET})
            reader.until(1)
            pid = reader.pid
        bridge.said("nobody")
        assert bridge.stop() == 0
        lines = "\n".join(bridge.log.entries)
    assert "= connected" in lines
    assert SECRET not in lines
    session, _, mark, signature = pid.split(".")
    assert not [part for part in (session, mark, signature) if part in lines]


def evaluators(path: Path) -> list[str]:
    """Calls of what makes code of a text."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in ("eval", "exec", "pickle", "unpickle", "system", "popen"):
                found.append(f"{path.name}:{node.lineno} {name}")
    return found


def test_nothing_evaluates_text() -> None:
    assert [found for path in sorted((ROOT / "bridge").rglob("*.py")) for found in evaluators(path)] == []
    pages = [*(ROOT / "static" / "bridge").rglob("*.js"), *(ROOT / "templates").rglob("*.html")]
    assert len(pages) > 10
    for page in pages:
        assert not MAKES_CODE.search(page.read_text(encoding="utf-8")), page
