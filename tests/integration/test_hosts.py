"""By which name the bridge was asked for, through which proxy, and from which page: who is turned away, and how."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.handlers import written
from tests.process import Bridge
from tests.raw import http
from tests.tcpserver import TcpServer

ROUTE = """
def setup(bridge):
    @bridge.app.route("/join", methods=["GET", "POST", "DELETE"])
    def join():
        from flask import request
        return f"{request.method} from {request.remote_addr} for {request.host_url}"
"""
POLL = "/socket.io/?EIO=4&transport=polling"
WEBSOCKET = (
    "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {'A' * 22}==",
)  # fmt: skip
#: Every way in: the method and path, headers, and what somebody who is let in is answered. A header that is long goes
#: past what the acceptor reads by itself.
WAYS: dict[str, tuple[str, tuple[str, ...], int]] = {
    "page": ("GET /bridge/", (), 200),
    "static": ("GET /static/socket.io.js", (), 200),
    "the client": ("GET /socket.io/socket.io.js", (), 200),
    "status": ("GET /bridge/status", (), 200),
    "health": ("GET /healthz", (), 200),
    "nothing": ("GET /nothing", (), 404),
    "route": ("GET /join", (), 200),
    "head": ("HEAD /bridge/", (), 200),
    "post": ("POST /join", ("Content-Length: 0",), 200),
    "delete": ("DELETE /join", (), 200),
    "post to a page": ("POST /bridge/", ("Content-Length: 0",), 405),
    "post to a file": ("POST /static/socket.io.js", ("Content-Length: 0",), 405),
    "post to nothing": ("POST /nothing", ("Content-Length: 0",), 404),
    "post a packet": (f"POST {POLL}&sid=none", ("Content-Length: 0",), 400),
    "put a packet": (f"PUT {POLL}", ("Content-Length: 0",), 400),
    "polling": (f"GET {POLL}", (), 200),
    "preflight": (f"OPTIONS {POLL}", (), 200),
    "websocket": (f"GET {POLL.replace('polling', 'websocket')}", WEBSOCKET, 101),
    "websocket by eventlet": (f"GET {POLL.replace('polling', 'websocket')}", (*WEBSOCKET, f"X: {'x' * 8100}"), 101),
    "an old client": ("GET /socket.io/?EIO=3&transport=polling", (), 400),
}


def running(tmp_path: Path, *args: str) -> Iterator[Bridge]:
    handlers = written(tmp_path, ROUTE)
    with TcpServer() as server, Bridge("--server", server.address, "--handlers", str(handlers), *args) as bridge:
        yield bridge


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    yield from running(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    hosts = ("--allowed-hosts", "game.example", "--allowed-hosts", "*.school.example")
    yield from running(tmp_path_factory.mktemp("proxied"), *hosts, "--trusted-proxies", "127.0.0.0/8")


@pytest.fixture(scope="module")
def allowing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    origins = ("--allowed-origins", "http://friend.example", "--allowed-origins", "null")
    yield from running(tmp_path_factory.mktemp("allowing"), *origins)


def ask(bridge: Bridge, way: str, *headers: str, host: str = "localhost") -> tuple[int, str]:
    """The status and the text of the answer to a request by one of the ways."""
    first, more, _ = WAYS[way]
    lines = [f"{first} HTTP/1.1", f"Host: {host}", *headers, *more]
    if "Connection: Upgrade" not in lines:
        lines.append("Connection: close")
    answer = http(bridge, "\r\n".join([*lines, "", ""]).encode()).decode("utf-8", "replace")
    return int(answer.split(" ")[1]), answer


ways = pytest.mark.parametrize("way", WAYS)


@ways
@pytest.mark.parametrize(
    "host", ["evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "x%40localhost"]
)
def test_a_request_for_another_name_is_turned_away_on_every_way(bridge: Bridge, way: str, host: str) -> None:
    status, answer = ask(bridge, way, f"Origin: http://{host}", host=host)
    assert status == 421, answer
    assert "101 " not in answer
    if way != "head":
        assert "This bridge has no such name" in answer
        name = host.partition(":")[0]
        assert ("%" in host) != (f"start it with --allowed-hosts {name}." in answer)


@ways
def test_this_machine_s_names_and_addresses_are_let_in_on_every_way(bridge: Bridge, way: str) -> None:
    name = platform.node()
    for host in ("localhost", "LOCALHOST:1", "127.0.0.1:8080", "[::1]:8080"):
        assert ask(bridge, way, host=host)[0] == WAYS[way][2], host
    for host in ("192.168.7.7", name, f"{name}.local:80"):
        assert ask(bridge, way, host=host)[0] == (403 if way == "status" else WAYS[way][2]), host


def test_names_that_are_allowed_are_let_in_exactly_or_by_their_end(proxied: Bridge) -> None:
    for host in ("game.example", "GAME.example:443", "game.example.", "a.school.example", "a.b.school.example:1"):
        assert ask(proxied, "page", host=host)[0] == 200, host
    for host in ("www.game.example", "school.example", "evilschool.example", "a.school.example.evil.example"):
        assert ask(proxied, "page", host=host)[0] == 421, host


def test_it_is_counted_and_logged_at_most_once_in_ten_seconds(tmp_path: Path) -> None:
    for bridge in running(tmp_path):
        for n in range(20):
            ask(bridge, "polling", host=f"evil{n}.example")
        assert bridge.counter("hosts_refused") == 20
        lines = [line for line in bridge.log.entries if "evil" in line]
        assert len(lines) == 1
        assert "'evil0.example'" in lines[0]
        assert "--allowed-hosts evil0.example" in lines[0]


@ways
def test_a_trusted_proxy_says_for_which_host_it_asks(proxied: Bridge, way: str) -> None:
    let_in = 403 if way == "status" else WAYS[way][2]
    assert ask(proxied, way, "X-Forwarded-Host: game.example", host="inside")[0] == let_in
    assert ask(proxied, way, "X-Forwarded-Host: evil.example", host="localhost")[0] == 421
    assert ask(proxied, way, "X-Forwarded-Host: evil.example, game.example", host="inside")[0] == let_in


@ways
def test_nobody_else_does(bridge: Bridge, way: str) -> None:
    assert ask(bridge, way, "X-Forwarded-Host: localhost", host="evil.example")[0] == 421
    let_in = 403 if way == "status" else WAYS[way][2]  # whoever it is, it came through a proxy
    assert ask(bridge, way, "X-Forwarded-Host: evil.example", host="localhost")[0] == let_in


def test_who_is_turned_away_is_told_of_the_flag_that_mends_it(bridge: Bridge, proxied: Bridge) -> None:
    text = ask(bridge, "page", "X-Forwarded-Host: localhost", host="inside:1")[1]
    assert text.endswith("no such name: if it should have, start it with --trusted-proxies 127.0.0.1.\n")
    text = ask(bridge, "page", "X-Forwarded-Host: a.example", host="inside:1")[1]
    assert text.endswith("start it with --allowed-hosts a.example --trusted-proxies 127.0.0.1.\n")
    text = ask(bridge, "page", "X-Forwarded-Host: a.example", host="a.example:1")[1]
    assert text.endswith("start it with --allowed-hosts a.example.\n")
    text = ask(proxied, "page", "X-Forwarded-Host: A.example:80", host="inside:1")[1]
    assert text.endswith("start it with --allowed-hosts a.example.\n")


@pytest.mark.parametrize("way", ["polling", "websocket", "websocket by eventlet"])
def test_behind_a_trusted_proxy_with_tls_the_bridge_s_own_pages_connect(proxied: Bridge, way: str) -> None:
    headers = ("X-Forwarded-Proto: https", "X-Forwarded-For: 203.0.113.7", "Origin: https://game.example")
    assert ask(proxied, way, *headers, host="game.example")[0] == WAYS[way][2]
    assert ask(proxied, way, *headers, "X-Forwarded-Host: game.example", host="inside")[0] == WAYS[way][2]
    for foreign in ("Origin: http://game.example", "Origin: https://evil.example", "Origin: null"):
        assert ask(proxied, way, *headers[:2], foreign, host="game.example")[0] == 400


def test_what_a_proxy_says_that_is_not_trusted_is_ignored_and_told_once(tmp_path: Path) -> None:
    for bridge in running(tmp_path, "--allowed-hosts", "game.example"):
        headers = ("X-Forwarded-Proto: https", "Origin: https://game.example")
        for _ in range(5):
            status, answer = ask(bridge, "polling", *headers, host="game.example")
            assert status == 400
            assert "Not an accepted origin: start the bridge with --trusted-proxies 127.0.0.1" in answer
        assert bridge.counter("forwarding_ignored") == 5
        assert sum("X-Forwarded-Host and -Proto from 127.0.0.1 are ignored" in line for line in bridge.log.entries) == 1


def test_a_route_sees_what_the_browser_asked_for(proxied: Bridge, bridge: Bridge) -> None:
    headers = ("X-Forwarded-Proto: https", "X-Forwarded-For: 198.51.100.1, 203.0.113.7, 127.0.0.9")
    text = ask(proxied, "route", *headers, "X-Forwarded-Host: game.example", host="inside")[1]
    assert text.endswith("GET from 203.0.113.7 for https://game.example/")
    text = ask(bridge, "route", "X-Forwarded-Proto: https", "X-Forwarded-Host: game.example", host="localhost:1")[1]
    assert text.endswith("GET from 127.0.0.1 for http://localhost:1/")


UNSAFE = [way for way, (first, *_) in WAYS.items() if first.split(" ")[0] not in ("GET", "HEAD", "OPTIONS")]
unsafe = pytest.mark.parametrize("way", UNSAFE)


@unsafe
@pytest.mark.parametrize(
    "headers",
    [
        ("Origin: http://evil.example",), ("Origin: null",), ("Origin: http://localhost:1",),
        ("Sec-Fetch-Site: cross-site",), ("Origin: http://evil.example", "Sec-Fetch-Site: same-origin"),
        ("Origin: file://", "Sec-Fetch-Site: cross-site"), ("Origin: ", "Sec-Fetch-Site: Cross-Site"),
    ],
)  # fmt: skip
def test_a_foreign_page_may_change_nothing(bridge: Bridge, way: str, headers: tuple[str, ...]) -> None:
    status, answer = ask(bridge, way, *headers)
    assert status == 403, answer
    assert "Not an accepted origin" in answer
    assert "POST from" not in answer


@unsafe
def test_the_bridge_s_own_pages_and_programs_may(bridge: Bridge, way: str) -> None:
    for headers in (
        (), ("Origin: http://localhost",), ("Origin: http://localhost", "Sec-Fetch-Site: same-origin"),
        ("Sec-Fetch-Site: same-site",), ("Sec-Fetch-Site: none",),
    ):  # fmt: skip
        assert ask(bridge, way, *headers)[0] == WAYS[way][2], headers


@unsafe
def test_a_page_of_an_allowed_origin_may_too(allowing: Bridge, way: str) -> None:
    for origin in ("http://friend.example", "HTTP://Friend.example:80", "null"):
        assert ask(allowing, way, f"Origin: {origin}", "Sec-Fetch-Site: cross-site")[0] == WAYS[way][2]
    assert ask(allowing, way, "Origin: https://friend.example")[0] == 403
    assert ask(allowing, way, "Sec-Fetch-Site: cross-site")[0] == 403


@unsafe
def test_behind_a_trusted_proxy_the_page_s_own_address_counts(proxied: Bridge, way: str) -> None:
    headers = ("X-Forwarded-Proto: https", "X-Forwarded-Host: game.example")
    assert ask(proxied, way, *headers, "Origin: https://game.example", host="inside")[0] == WAYS[way][2]
    assert ask(proxied, way, *headers, "Origin: http://inside", host="inside")[0] == 403


@pytest.mark.parametrize("way", [way for way in WAYS if way not in UNSAFE and "socket.io/?" not in WAYS[way][0]])
def test_what_changes_nothing_is_answered_to_all(bridge: Bridge, way: str) -> None:
    for headers in (("Origin: http://evil.example",), ("Sec-Fetch-Site: cross-site",)):
        assert ask(bridge, way, *headers)[0] == WAYS[way][2]


def test_a_foreign_page_may_read_what_would_let_it(bridge: Bridge) -> None:
    answer = ask(bridge, "post", "Origin: http://evil.example")[1]
    assert answer.endswith("Not an accepted origin: start the bridge with --allowed-origins http://evil.example\n")
    assert "Access-Control-Allow-Origin: http://evil.example" in answer
    assert "Vary: Origin" in answer
    answer = ask(bridge, "post", "Sec-Fetch-Site: cross-site")[1]
    assert "Access-Control-Allow-Origin" not in answer
    assert bridge.counter("origins_refused") >= 2
    assert {"http://evil.example"} <= {row["origin"] for row in bridge.status()["refused_origins"]}


def test_where_all_origins_are_allowed_all_may(tmp_path: Path) -> None:
    for bridge in running(tmp_path, "--allowed-origins", "*"):
        for headers in (("Origin: http://evil.example",), ("Sec-Fetch-Site: cross-site",), ("Origin: null",)):
            assert ask(bridge, "post", *headers)[0] == 200
