"""What a hostile or broken browser, handler or system does to its own connection, and to nobody else's."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.client import Client
from tests.handlers import written
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
        head = f"GET {query} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
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
        sock.sendall(f"POST {query} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
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
    http(bridge, f"POST {query} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body) + 50}\r\n\r\n{body}".encode())
    assert bridge.counter("events_in") == before
    all_is_well(bridge)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("HEAD {query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"400"),
        (
            "POST {query} HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n",
            b"400",
        ),
        ("GET {query} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nExpect: 100-continue\r\n\r\n", b""),
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
    places = ",".join(f'{{"_placeholder":true,"num":{n}}}' for n in range(10))
    with Raw(bridge) as raw:
        raw.send(f'4510-7["x",{places}]')
        for _ in range(10):
            raw.send(b"")
        assert raw.answer(7) == {"ok": True}
        assert bridge.counter("bad_packets") == 0
    for count in (11, 9_999_999_999):
        with Raw(bridge) as raw:
            raw.send(f'45{count}-["x",{{"_placeholder":true,"num":0}}]')
            assert raw.closed() == 1008
    assert bridge.counter("bad_packets") == 2


SLEEPS = """
import time

def setup(bridge):
    @bridge.on_event("sleep")
    def sleep(client, seconds):
        bridge.send({"asleep": True})
        time.sleep(seconds)
"""


def upgraded(bridge: Bridge, query: str) -> socket.socket:
    """A WebSocket that takes over the session, without waiting for anything."""
    sock = socket.create_connection(("127.0.0.1", bridge.port), timeout=2)
    head = f"GET {query.replace('polling', 'websocket')} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    sock.sendall(f"{head}Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n".encode())
    sock.sendall(f"Sec-WebSocket-Key: {'A' * 22}==\r\n\r\n".encode() + masked("2probe") + masked("5"))
    return sock


def masked(text: str) -> bytes:
    """A WebSocket's frame of a short text, with a mask that changes nothing."""
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text.encode()


def test_who_upgrades_while_its_handler_runs_is_not_read_meanwhile(tmp_path: Path) -> None:
    handlers = ("--handlers", str(written(tmp_path, SLEEPS)))
    with TcpServer() as server, Bridge("--server", server.address, *handlers) as bridge:
        peer = server.accept()
        query = session(bridge)
        requests.post(bridge.url + query, data="40", timeout=PATIENCE)
        with ThreadPoolExecutor() as pool:
            posted = pool.submit(requests.post, bridge.url + query, data='42["sleep",8]', timeout=PATIENCE)
            peer.message(asleep=True)
            with upgraded(bridge, query) as sock:
                taken = taken_of(sock, masked('42["n",1]') * 4_000)
                assert posted.result().text == "ok"
        assert taken < 16 << 20  # what the kernel has for one connection, and one read
        all_is_well(bridge)


def taken_of(sock: socket.socket, data: bytes) -> int:
    """How many bytes of this, again and again, the other side takes until it takes no more for a while."""
    taken = 0
    try:
        while taken < 64 << 20:
            taken += sock.send(data)
    except TimeoutError:
        pass
    return taken


def until_closed(sock: socket.socket) -> float:
    """Send a byte now and then; how many seconds it takes until the other side has had enough."""
    began = time.monotonic()
    try:
        while time.monotonic() - began < PATIENCE:
            sock.sendall(b"x")
            time.sleep(0.05)  # how slow this client is
    except OSError:
        pass
    return time.monotonic() - began


IMPATIENT = """
from bridge.engineio import http_protocol
from bridge.engineio import http_server

http_server.SOCKET_TIMEOUT = 0.5
http_protocol.SLOWEST = 100

def setup(bridge):
    pass
"""


@pytest.mark.parametrize(
    "begun",
    [
        "GET / HTTP/1.1\r\nHost: localhost\r\nX-Drip: ",
        "POST {query} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n",
    ],
)
def test_a_request_that_drips_is_given_up_and_one_that_is_slow_is_not(tmp_path: Path, begun: str) -> None:
    flags = ("--handlers", str(written(tmp_path, IMPATIENT)), "--ping-interval", "4")
    with TcpServer() as server, Bridge("--server", server.address, *flags) as bridge:
        server.accept()
        query = session(bridge)
        waits = session(bridge)
        requests.post(bridge.url + waits, data="40", timeout=PATIENCE)
        requests.get(bridge.url + waits, timeout=PATIENCE)
        with ThreadPoolExecutor() as pool, socket.create_connection(("127.0.0.1", bridge.port), PATIENCE) as sock:
            poll = pool.submit(requests.get, bridge.url + waits, timeout=PATIENCE)
            sock.sendall(begun.format(query=query).encode())
            assert 0.5 < until_closed(sock) < 5
            assert not poll.done()
            body = '42["x"]'
            with socket.create_connection(("127.0.0.1", bridge.port), PATIENCE) as slow:
                slow.sendall(
                    f"POST {waits} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                )
                for char in body:
                    slow.sendall(char.encode())
                assert slow.recv(15) == b"HTTP/1.1 200 OK"
        all_is_well(bridge)
