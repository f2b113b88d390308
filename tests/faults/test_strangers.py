"""Connections that never become clients: silent, half open, or endlessly slow. Others are served, and nothing is left.

BRIDGE_TEST_SILENT says how many say nothing; `make silent` has ten thousand of them, and waits until the bridge has
closed them itself.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import requests

from tests.faults.crowd import Crowd
from tests.faults.sites import Between, between
from tests.process import Bridge
from tests.sites import memory
from tests.viewer import until
from tests.waiting import PATIENCE

SILENT = int(os.environ.get("BRIDGE_TEST_SILENT", "1500"))
MANY = 10_000  # from which on there is time to wait until they are closed
SILENCE = 30.0  # seconds until they are
EACH = 4096  # bytes of memory that one may cost while it is there
SLACK = 6 * 1024 * 1024  # of the allocator's, at any time

SOCKET_IO = "GET /socket.io/?EIO=4&transport={} HTTP/1.1\r\nHost: localhost\r\n"
UPGRADE = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
HALVES = {
    "one byte": "G",
    "half a head": SOCKET_IO.format("websocket") + UPGRADE,
    "half a head of another page's": "GET / HTTP/1.1\r\nHost: localhost\r\nX-Half",
    "half a body": "POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n4",
    "a websocket without CONNECT": SOCKET_IO.format("websocket") + UPGRADE + f"Sec-WebSocket-Key: {'A' * 22}==\r\n\r\n",
    "a session without CONNECT": SOCKET_IO.format("polling") + "\r\n",
}


def descriptors(bridge: Bridge) -> int:
    """How many it has open."""
    return len(os.listdir(f"/proc/{bridge.process.pid}/fd"))


@contextmanager
def fed(at: Between, clients: int) -> Iterator[Crowd]:
    """Clients that are sent something all the time."""
    with at.crowd(clients) as crowd:
        at.server.feed(100)
        yield crowd


@contextmanager
def strangers(at: Between, count: int, request: str = "") -> Iterator[Sequence[socket.socket]]:
    """So many connections that say this, and no more."""
    with ExitStack() as stack:
        made = []
        for _ in range(count):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", at.bridge.port), PATIENCE))
            sock.sendall(request.encode())
            made.append(sock)
        yield made


@pytest.fixture
def at() -> Iterator[Between]:
    inside = str(Path(__file__).parent.parent / "soak" / "inside.py")
    with between("--connect-timeout", "2", "--handlers", inside) as made:
        green_threads(made)  # once, for what it brings with it
        yield made


def green_threads(at: Between) -> int:
    """How many there are."""
    return int(requests.get(f"{at.bridge.url}/soak/inside", timeout=PATIENCE).json()["green_threads"])


def is_served(at: Between, times: int = 5) -> None:
    """Pages come at once."""
    for _ in range(times):
        began = time.monotonic()
        assert requests.get(f"{at.bridge.url}/healthz", timeout=PATIENCE).status_code == 200
        assert time.monotonic() - began < 1.0


@pytest.mark.timeout(300)
def test_connections_that_say_nothing_cost_little_and_are_gone_without_a_trace(at: Between) -> None:
    with fed(at, 4) as crowd:
        before, files, threads = memory(at.bridge), descriptors(at.bridge), green_threads(at)
        with strangers(at, SILENT):
            until(lambda: descriptors(at.bridge) >= files + SILENT)
            is_served(at)
            assert green_threads(at) <= threads + 5
            assert memory(at.bridge) - before < SILENT * EACH + SLACK
            if SILENT >= MANY:
                until(lambda: descriptors(at.bridge) <= files + 10, SILENCE * 1.5, 0.5)
        until(lambda: descriptors(at.bridge) <= files + 10)
        assert memory(at.bridge) - before < SLACK + SILENT * EACH / 4
        assert at.verdict(crowd) == []
        assert [len(each.connections) for each in crowd.report()] == [1] * 5


@pytest.mark.parametrize("request_", HALVES.values(), ids=HALVES)
def test_handshakes_that_stop_half_way_keep_nobody_waiting_and_leave_nothing(at: Between, request_: str) -> None:
    with fed(at, 2) as crowd:
        before, files, threads = memory(at.bridge), descriptors(at.bridge), green_threads(at)
        with strangers(at, 200, request_):
            is_served(at)
        until(lambda: descriptors(at.bridge) <= files + 10)
        until(lambda: green_threads(at) <= threads)
        assert memory(at.bridge) - before < SLACK
        assert at.verdict(crowd) == []
        assert at.bridge.status()["clients"] == 3


@pytest.mark.parametrize(
    "request_", [SOCKET_IO.format("polling"), "GET / HTTP/1.1\r\nHost: localhost\r\n"], ids=["poll", "page"]
)
def test_requests_that_come_byte_by_byte_keep_nobody_waiting(at: Between, request_: str) -> None:
    ended = threading.Event()

    def trickle(socks: Sequence[socket.socket]) -> None:
        for place in range(10_000):
            for sock in socks:
                with suppress(OSError):  # it may be given up
                    sock.sendall(f"X-{place}: x\r\n".encode()[place % 7 : place % 7 + 1] or b"x")
            if ended.wait(0.02):
                return

    with fed(at, 2) as crowd:
        files = descriptors(at.bridge)
        with strangers(at, 200, request_) as socks:
            slow = threading.Thread(target=trickle, args=(socks,), daemon=True)
            slow.start()
            is_served(at, 20)
            assert at.verdict(crowd) == []
            ended.set()
            slow.join(PATIENCE)
        until(lambda: descriptors(at.bridge) <= files + 5)
