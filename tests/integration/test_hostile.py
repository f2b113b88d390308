"""What a hostile or broken browser, handler or system does to its own connection, and to nobody else's."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.client import Client
from tests.process import Bridge
from tests.raw import Raw, http
from tests.tcpserver import TcpServer
from tests.waiting import PATIENCE

MASKED_JUNK = b"\x81\x81\0\0\0\0x"
NO_FRAME = b"\xff\xff"


@pytest.fixture
def bridge() -> Iterator[Bridge]:
    with TcpServer() as server, Bridge("--server", server.address) as running:
        server.accept()
        yield running


def session(bridge: Bridge) -> str:
    """The query of a new session that polls."""
    query = "/socket.io/?EIO=4&transport=polling"
    sid = json.loads(requests.get(bridge.url + query, timeout=PATIENCE).text[1:])["sid"]
    return f"{query}&sid={sid}"


def all_is_well(bridge: Bridge) -> None:
    assert requests.get(f"{bridge.url}/healthz", timeout=PATIENCE).status_code == 200
    with Client(bridge.url) as ann:
        assert ann.ask("move", 1) == {"ok": True}


def test_an_upgrade_that_sends_no_probe_and_then_no_frame_is_its_own_trouble(bridge: Bridge) -> None:
    query = session(bridge).replace("polling", "websocket")
    with socket.create_connection(("127.0.0.1", bridge.port), timeout=PATIENCE) as sock:
        head = f"GET {query} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        sock.sendall(f"{head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\n\r\n".encode())
        assert sock.recv(4096).startswith(b"HTTP/1.1 101")
        sock.sendall(MASKED_JUNK + NO_FRAME)
        while sock.recv(4096):
            pass
    all_is_well(bridge)


@pytest.mark.parametrize("packet", ["43[]", '42["*"]', '42["a"]', "44"])
def test_a_post_of_a_hundred_thousand_packets_keeps_nobody_waiting(bridge: Bridge, packet: str) -> None:
    query = session(bridge)
    requests.post(bridge.url + query, data="40", timeout=PATIENCE)
    body = "\x1e".join([packet] * 100_000).encode()
    with socket.create_connection(("127.0.0.1", bridge.port), timeout=PATIENCE) as sock:
        sock.sendall(f"POST {query} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        worst = 0.0
        for _ in range(10):
            began = time.monotonic()
            assert requests.get(f"{bridge.url}/healthz", timeout=PATIENCE).status_code == 200
            worst = max(worst, time.monotonic() - began)
    assert worst < 1.0
    all_is_well(bridge)


def test_a_post_that_ends_before_its_end_is_not_taken(bridge: Bridge) -> None:
    query = session(bridge)
    requests.post(bridge.url + query, data="40", timeout=PATIENCE)
    before = bridge.counter("events_in")
    body = '42["whole"]\x1e42["cut'
    http(bridge, f"POST {query} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body) + 50}\r\n\r\n{body}".encode())
    assert bridge.counter("events_in") == before
    all_is_well(bridge)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("HEAD {query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"400"),
        (
            "POST {query} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n",
            b"411",
        ),
        ("GET {query} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nExpect: 100-continue\r\n\r\n", b""),
    ],
)
def test_a_request_that_is_neither_one_nor_the_other_ends_nothing(bridge: Bridge, request_: str, status: bytes) -> None:
    query = session(bridge)
    answer = http(bridge, request_.format(query=query).encode())
    assert status in answer[:20]
    if request_.startswith("HEAD"):
        assert answer.endswith(b"\r\n\r\n")
    all_is_well(bridge)


def test_a_handler_that_raises_what_is_no_exception_loses_its_event_alone(tmp_path: Path) -> None:
    handlers = tmp_path / "late.py"
    handlers.write_text(
        "import eventlet\ndef setup(bridge):\n    @bridge.on_event('late')\n"
        "    def late(client, *args):\n        raise eventlet.Timeout(1)\n"
    )
    with TcpServer() as server, Bridge("--server", server.address, "--handlers", str(handlers)) as bridge:
        peer = server.accept()
        with Client(bridge.url) as ann:
            sid = ann.sid
            assert ann.ask("late")["error"] == "handler-error"
            assert ann.ask("move", 1) == {"ok": True}
        peer.message(username=sid, action="disconnected")


def test_who_leaves_because_the_bridge_ends_is_told_of_also_while_its_handler_runs(tmp_path: Path) -> None:
    handlers = tmp_path / "slow.py"
    handlers.write_text(
        "import time\ndef setup(bridge):\n    @bridge.on_event('slow')\n"
        "    def slow(client, *args):\n        bridge.send({'slow': 1})\n        time.sleep(30)\n"
    )
    with TcpServer() as server, Bridge("--server", server.address, "--handlers", str(handlers)) as bridge:
        peer = server.accept()
        with Client(bridge.url) as ann:
            sid = ann.sid
            ann.emit("slow")
            peer.message(slow=1)
            assert bridge.stop() == 0
        peer.message(username=sid, action="disconnected")


def test_an_event_of_any_number_of_empty_attachments_is_none(bridge: Bridge) -> None:
    before = bridge.counter("bad_packets")
    with Raw(bridge) as raw:
        raw.send('59999999999-["x",{"_placeholder":true,"num":0}]')
        assert raw.closed() == 1008
    assert bridge.counter("bad_packets") == before + 1
