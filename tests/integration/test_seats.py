"""Who begins sessions and does not become a client takes no room from others, whatever the way."""

from __future__ import annotations

import socket
from contextlib import ExitStack, closing
from http.client import HTTPConnection

import pytest
import requests
import websocket

from tests.client import Client
from tests.process import Bridge
from tests.viewer import until
from tests.waiting import PATIENCE

HANDSHAKE = "/socket.io/?EIO=4&transport=polling"
GET = b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\n%s\r\n"
FAR = GET % b"X-Forwarded-For: 192.0.2.7\r\n%s"  # through a proxy on this machine
CLOSE = b"Connection: close\r\n"
NOWHERE = "--server", "127.0.0.1:1"


def answers(bridge: Bridge, request: bytes, count: int, last: bytes = b"") -> list[bytes]:
    """The status of each answer on one connection, on which the request is sent so often in one piece. `last`: a header
    of the last one."""
    with socket.create_connection(("127.0.0.1", bridge.port), timeout=PATIENCE) as sock:
        data = b""
        try:
            sock.sendall((request % b"") * (count - 1) + request % last)
            while got := sock.recv(65536):
                data += got
        except ConnectionError:
            pass  # it was closed with requests unread
    return [part[:3] for part in data.split(b"HTTP/1.1 ")[1:]]


def one_by_one(bridge: Bridge, **headers: str) -> list[int]:
    """The status of each answer on one connection, until that is closed."""
    found: list[int] = []
    connection = HTTPConnection("127.0.0.1", bridge.port, timeout=PATIENCE)
    with closing(connection):
        connection.connect()
        connection.auto_open = 0
        while connection.sock is not None and len(found) < 200:
            connection.request("GET", HANDSHAKE, headers=headers)
            answer = connection.getresponse()
            answer.read()
            found.append(answer.status)
    return found


def test_one_connection_begins_a_hundred_sessions_and_is_closed_after_one_more() -> None:
    with Bridge(*NOWHERE) as bridge:
        assert one_by_one(bridge) == [200] * 100 + [429]
        assert bridge.counter("handshakes_refused") == 1
        bridge.said("it has begun more than 100 sessions")


def test_a_connection_that_asks_for_thousands_in_one_piece_begins_a_hundred() -> None:
    with Bridge(*NOWHERE) as bridge:
        answers(bridge, GET, 5000)
        until(lambda: bridge.counter("handshakes_refused") == 1)
        assert bridge.status()["now"]["connections"] == 100


def test_a_proxy_s_connection_is_closed_before_a_browser_is_refused() -> None:
    with Bridge(*NOWHERE) as bridge:
        assert one_by_one(bridge, **{"X-Forwarded-For": "192.0.2.7"}) == [200] * 100
        assert bridge.counter("handshakes_refused") == 0


def test_of_a_thousand_half_open_sessions_the_oldest_go_for_newer_ones() -> None:
    with Bridge(*NOWHERE) as bridge, ExitStack() as stack, Client(bridge.url) as ann:
        ann.linked("waiting")
        url = f"ws://127.0.0.1:{bridge.port}/socket.io/?EIO=4&transport=websocket"
        first = websocket.create_connection(url, timeout=PATIENCE)
        stack.callback(first.close)
        first.recv()
        for _ in range(11):
            answers(bridge, GET, 100 + 1)
        with pytest.raises(websocket.WebSocketConnectionClosedException):
            first.recv()
        assert bridge.status()["now"]["connections"] == 1001
        assert bridge.counter("half_open_ended") == 101
        with Client(bridge.url) as bob:
            bob.linked("waiting")
        assert bridge.counter("clients_refused") == 0


def test_an_address_has_a_hundred_half_open_sessions() -> None:
    with Bridge(*NOWHERE) as bridge:
        for _ in range(2):
            assert answers(bridge, FAR, 80, CLOSE) == [b"200"] * 80
        assert bridge.status()["now"]["connections"] == 100
        assert bridge.counter("half_open_ended") == 60


def test_an_address_has_no_more_clients_than_its_share() -> None:
    with Bridge(*NOWHERE, "--max-clients-per-address", "2") as bridge:
        url = bridge.url + HANDSHAKE
        headers, far = {"X-Forwarded-For": "192.0.2.7"}, []
        for _ in range(3):
            far.append(requests.get(url, headers=headers, timeout=PATIENCE))
            if far[-1].ok:  # one that does not connect to a namespace makes way
                sid = far[-1].text.split('"')[3]
                assert requests.post(f"{url}&sid={sid}", "40", headers=headers, timeout=PATIENCE).text == "ok"
        assert [answer.status_code for answer in far] == [200, 200, 503]
        assert far[2].text == "There are too many clients at your address."
        assert all(requests.get(url, timeout=PATIENCE).status_code == 200 for _ in range(3))
