"""Bodies of requests to routes: bounded, and refused in words; and what a route that fails leaves in the log."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.process import Bridge
from tests.raw import Poll
from tests.tcpserver import TcpServer
from tests.waiting import PATIENCE

MIB = 1 << 20
HANDLERS = """
import os
from flask import abort, request

def setup(bridge):
    @bridge.app.post("/form")
    def form():
        return str(len(request.form["text"]))

    @bridge.app.post("/raw")
    def raw():
        return str(len(request.get_data()))

    @bridge.app.post("/upload")
    def upload():
        request.max_content_length = 8 << 20
        file = request.files["file"]
        name = os.readlink(f"/proc/self/fd/{file.stream.fileno()}")
        return f"{len(file.read())} {name.startswith('/')}"

    @bridge.app.get("/fails/<name>")
    def fails(name):
        raise OSError(36, "File name too long", name)

    @bridge.app.get("/breaks-off")
    def breaks_off():
        yield "begun" * 1000
        raise RuntimeError("broke off")

    @bridge.app.get("/fails-else")
    def fails_else():
        return {}["nothing"]
"""


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    handlers = tmp_path_factory.mktemp("handlers") / "bodies.py"
    handlers.write_text(HANDLERS)
    with TcpServer() as server, Bridge("--server", server.address, "--handlers", str(handlers)) as bridge:
        yield bridge


def memory(bridge: Bridge) -> int:
    """The most that the process has ever had, in bytes."""
    status = Path(f"/proc/{bridge.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


@pytest.mark.parametrize("kind", ["form", "parts", "raw", "chunks"])
def test_a_large_body_is_refused_in_words_and_takes_no_memory(bridge: Bridge, kind: str) -> None:
    before = memory(bridge)
    path = "raw" if kind in ("raw", "chunks") else "form"
    text = b"x" * (12 * MIB)
    sent: dict[str, object] = {
        "form": {"data": b"text=" + text, "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        "parts": {"files": {"text": (None, text)}},
        "raw": {"data": text},
        "chunks": {"data": (text[at : at + 1000] for at in range(0, 2 * MIB, 1000))},
    }
    answer = requests.post(f"{bridge.url}/{path}", timeout=PATIENCE, **sent[kind])  # type: ignore[arg-type]
    assert answer.status_code == 413
    assert "over 1048576 bytes" in answer.text
    assert "--max-body" in answer.text
    assert memory(bridge) - before < 8 * MIB


def test_a_body_of_the_limit_is_taken_and_one_byte_more_is_not(bridge: Bridge) -> None:
    assert requests.post(f"{bridge.url}/raw", b"x" * MIB, timeout=PATIENCE).text == str(MIB)
    assert requests.post(f"{bridge.url}/raw", b"x" * (MIB + 1), timeout=PATIENCE).status_code == 413
    for more, status in ((0, 200), (1, 413)):
        body = iter([b"x" * 1000, b"x" * (MIB - 1000 + more)])
        assert requests.post(f"{bridge.url}/raw", body, timeout=PATIENCE).status_code == status
    form = {"text": "x" * (MIB - 5)}
    assert requests.post(f"{bridge.url}/form", form, timeout=PATIENCE).text == str(MIB - 5)


def test_a_route_may_take_more_and_has_its_files_on_disk(bridge: Bridge) -> None:
    file = {"file": ("a.bin", b"x" * (7 * MIB))}
    assert requests.post(f"{bridge.url}/upload", files=file, timeout=PATIENCE).text.startswith(f"{7 * MIB} True")
    file = {"file": ("a.bin", b"x" * (9 * MIB))}
    assert requests.post(f"{bridge.url}/upload", files=file, timeout=PATIENCE).status_code == 413


def test_packets_have_a_limit_of_their_own(bridge: Bridge) -> None:
    poll = Poll(bridge)
    assert poll.post(b'42["x","' + b"y" * (MIB + 1000) + b'"]') == 200


def test_a_client_that_sends_no_body_after_all_is_answered_at_once(bridge: Bridge) -> None:
    with socket.create_connection(("127.0.0.1", bridge.port), PATIENCE) as sock:
        sock.sendall(b"POST /raw HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n")
        assert sock.recv(20).startswith(b"HTTP/1.1 413 ")


def test_a_body_that_does_not_come_is_no_failure_of_the_route(tmp_path: Path) -> None:
    handlers = tmp_path / "soon.py"
    handlers.write_text(f"from bridge.engineio import http_server\nhttp_server.SOCKET_TIMEOUT = 0.2\n{HANDLERS}")
    with Bridge("--server", "127.0.0.1:1", "--handlers", str(handlers)) as bridge:
        with socket.create_connection(("127.0.0.1", bridge.port), PATIENCE) as sock:
            sock.sendall(b"POST /raw HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc")
            assert sock.recv(20).startswith(b"HTTP/1.1 400 ")
        assert bridge.counter("route_errors") == 0
        assert bridge.counter("bad_requests") == 1


@pytest.mark.parametrize("name", ["x" * 300, "x" * 5000, "x/" * 2500, "%00", "%ff" * 200, "%0a"])
def test_a_name_that_no_file_can_have_is_not_found(bridge: Bridge, name: str) -> None:
    lines = len(bridge.log.entries)
    for folder in ("static", "nothing", "bridge"):
        answer = requests.get(f"{bridge.url}/{folder}/{name}", timeout=PATIENCE, allow_redirects=False)
        assert answer.status_code == 404, (folder, answer.text)
    assert [line for line in bridge.log.entries[lines:] if " ! " in line] == []


def test_a_route_that_fails_is_told_once_and_then_a_line_of_a_kind_in_a_while(bridge: Bridge) -> None:
    lines, before = len(bridge.log.entries), bridge.counter("route_errors")
    for number in range(50):
        assert requests.get(f"{bridge.url}/fails/{number}", timeout=PATIENCE).status_code == 500
        assert requests.get(f"{bridge.url}/fails-else", timeout=PATIENCE).status_code == 500
    assert bridge.counter("route_errors") == before + 100
    new = "\n".join(bridge.log.entries[lines:])
    assert new.count("Traceback (most recent call last)") == 2
    assert new.count("GET '/fails/0' failed: OSError: ") == 1
    assert new.count("GET '/fails-else' failed: KeyError: ") == 1
    assert "bodies.py:" in new
    assert len([line for line in bridge.log.entries[lines:] if " ! " in line]) < 5


def test_an_answer_that_breaks_off_is_told_too(bridge: Bridge) -> None:
    lines, before = len(bridge.log.entries), bridge.counter("route_errors")
    for _ in range(3):
        with pytest.raises(requests.RequestException):
            requests.get(f"{bridge.url}/breaks-off", timeout=PATIENCE)
    assert bridge.counter("route_errors") == before + 3
    new = "\n".join(bridge.log.entries[lines:])
    assert new.count("! an answer broke off: RuntimeError: 'broke off', in ") == 1
    assert new.count("Traceback (most recent call last)") == 1
