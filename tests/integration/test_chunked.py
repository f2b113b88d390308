"""Bodies in chunks: they arrive, whole, and what is not exactly that ends its connection and nothing else."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.process import Bridge
from tests.raw import http
from tests.tcpserver import TcpServer
from tests.waiting import PATIENCE

HANDLERS = """
from flask import request
def setup(bridge):
    @bridge.app.post("/echo")
    def echo():
        return request.get_data()
    @bridge.app.post("/form")
    def form():
        return request.form["name"]
    @bridge.app.post("/lines")
    def lines():
        return [line.decode() for line in request.stream]
    @bridge.app.post("/deaf")
    def deaf():
        return "deaf"
"""
POLL = "/socket.io/?EIO=4&transport=polling"
HEALTHY = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    handlers = tmp_path_factory.mktemp("handlers") / "echo.py"
    handlers.write_text(HANDLERS)
    with TcpServer() as server, Bridge("--server", server.address, "--handlers", str(handlers)) as bridge:
        yield bridge


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = "".join(f"{header}\r\n" for header in ("Host: localhost", "Transfer-Encoding: chunked", *headers))
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def chunks(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def statuses(answer: bytes) -> list[bytes]:
    return [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]]


def session(bridge: Bridge) -> str:
    return f"{POLL}&sid={requests.get(bridge.url + POLL, timeout=PATIENCE).text.split(chr(34))[3]}"


def test_a_route_has_the_body(bridge: Bridge) -> None:
    parts = [b"hello ", b"x" * 100_000, b"\r\n0\r\n\r\n", b"!"]
    answer = requests.post(f"{bridge.url}/echo", data=iter(parts), timeout=PATIENCE)
    assert answer.content == b"".join(parts)
    assert requests.post(f"{bridge.url}/echo", data=iter([]), timeout=PATIENCE).content == b""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert requests.post(f"{bridge.url}/form", iter([b"na", b"me=ann"]), headers=form, timeout=PATIENCE).text == "ann"
    assert requests.post(f"{bridge.url}/lines", iter([b"a\nb", b"c\nd"]), timeout=PATIENCE).json() == [
        "a\n",
        "bc\n",
        "d",
    ]


def test_the_next_request_of_the_connection_is_answered(bridge: Bridge) -> None:
    several = post("/echo", chunks(b"one")) + post("/echo", b"3;a=b\r\ntwo\r\n0\r\nTrailer: x\r\n\r\n") + HEALTHY
    answer = http(bridge, several)
    assert statuses(answer) == [b"200"] * 3
    assert b"one" in answer
    assert b"two" in answer
    assert statuses(http(bridge, post("/deaf", chunks(b"unread" * 100)) + HEALTHY)) == [b"200"] * 2


def test_who_asks_whether_its_body_is_wanted_is_told(bridge: Bridge) -> None:
    with socket.create_connection(("127.0.0.1", bridge.port), PATIENCE) as sock:
        sock.sendall(post("/echo", b"", "Expect: 100-continue", "Connection: close"))
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(chunks(b"wanted"))
        answer = b""
        while data := sock.recv(65536):
            answer += data
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"wanted")


@pytest.mark.parametrize(
    "body",
    [
        b"-5\r\nhello\r\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n", b"1_0\r\nhello\r\n0\r\n\r\n",
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"5\nhello\r\n0\r\n\r\n", b"5\r\nhello!\r\n0\r\n\r\n", b"5\r\nhelloGET", b"5\r\nhelloXY0\r\n\r\n",
        b"\r\n\r\n", b"x", b"5\r\nhel",
        b"5\r\nhello\r\n", b"5\r\nhello\r\n0\r\n", b"5" * 5000, b"f" * 16 + b"\r\n", b"0\r\nno trailer\r\n\r\n",
        b"0\r\n" + b"T: x\r\n" * 100 + b"\r\n", b"0\r\nT: " + b"x" * 5000 + b"\r\n\r\n",
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/echo", "/deaf", "poll"])
def test_what_is_no_body_in_chunks_ends_its_connection(bridge: Bridge, path: str, body: bytes) -> None:
    before = bridge.counter("bad_requests")
    there = session(bridge) if path == "poll" else path
    answer = http(bridge, post(there, body) + HEALTHY)
    assert statuses(answer) == [b"200" if path == "/deaf" else b"400"], answer
    assert bridge.counter("bad_requests") > before
    if path == "poll":
        assert requests.get(bridge.url + there, timeout=PATIENCE).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        ["Content-Length: 5", "Transfer-Encoding: chunked"], ["Transfer-Encoding: gzip, chunked"],
        ["Transfer-Encoding: chunked, chunked"], ["Transfer-Encoding: xchunked"], ["Transfer-Encoding: identity"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: x"],
        ["Transfer-Encoding : chunked"], ["Transfer-Encoding:\x0bchunked"], ["Transfer-Encoding:\r\n chunked"],
        ["Content-Length: 5", "Content-Length: 6"], ["Content-Length: 5", "Content-Length: 5"], ["Content-Length: +5"],
        ["Content-Length: 5_0"], ["Content-Length: 5,5"], ["Content-Length: "], ["Content-Length: \u0665"],
        ["X: y\rTransfer-Encoding: chunked"], ["X: y\r"], ["X: y\0"], ["X: \0y\nTransfer-Encoding: chunked"],
        ["X: y", "no header", "Transfer-Encoding: chunked"], ["X\x00Y: z"], [" folded: x"], ["X: y", " folded"],
    ],
)  # fmt: skip
def test_a_request_whose_end_is_not_certain_is_refused_with_what_follows_it(bridge: Bridge, headers: list[str]) -> None:
    lines = "".join(f"{header}\r\n" for header in ("Host: localhost", *headers))
    answer = http(bridge, f"POST /echo HTTP/1.1\r\n{lines}\r\n".encode() + chunks(b"hello") + HEALTHY)
    assert statuses(answer) == [b"400"], answer
    assert b"ok" not in answer


@pytest.mark.parametrize("odd", ["X: y\rContent-Length: 5", "X: \0", "X: y\nContent-Length: 5"])
def test_nor_is_it_served_as_a_websocket(bridge: Bridge, odd: str) -> None:
    head = f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n{odd}\r\nConnection: Upgrade\r\n"
    head += f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\n\r\n"
    assert statuses(http(bridge, head.encode() + b"hello")) == [b"400"]


def test_http_1_0_has_no_chunks(bridge: Bridge) -> None:
    request = post("/echo", chunks(b"hello")).replace(b"HTTP/1.1", b"HTTP/1.0")
    assert statuses(http(bridge, request)) == [b"400"]


def test_a_body_that_nobody_reads_is_not_read_for_ever(bridge: Bridge) -> None:
    with socket.create_connection(("127.0.0.1", bridge.port), PATIENCE) as sock:
        sock.sendall(post("/deaf", b""))
        with pytest.raises(ConnectionError):
            sock.sendall((b"1000\r\n" + b"x" * 0x1000 + b"\r\n") * (16 * 1024))


def test_packets_may_be_posted_in_chunks(bridge: Bridge) -> None:
    there = bridge.url + session(bridge)
    assert requests.post(there, iter([b"4", b"0"]), timeout=PATIENCE).text == "ok"
    assert requests.get(there, timeout=PATIENCE).text.startswith("40{")
    packets = [b'420["a",1]\x1e42', b'1["a",', b"2]"]
    assert requests.post(there, iter(packets), timeout=PATIENCE).text == "ok"
    acks = ""
    while "431[" not in acks:
        acks += requests.get(there, timeout=PATIENCE).text
    assert "430[" in acks
    assert json.loads(acks.split("431")[1].split("\x1e")[0]) == [{"ok": True}]


def test_a_post_in_chunks_has_the_same_limit_as_another(bridge: Bridge) -> None:
    limit = 2 * (1 << 20) + 65536
    there = bridge.url + session(bridge)
    requests.post(there, "40", timeout=PATIENCE)
    event = b'42["x","%b"]' % (b"y" * (limit - 9))
    assert len(event) == limit + 1
    assert requests.post(there, iter([event[:-3], event[-2:]]), timeout=PATIENCE).status_code == 200
    assert requests.post(there, iter([event]), timeout=PATIENCE).status_code == 413
    assert requests.get(there, timeout=PATIENCE).status_code == 400
    assert requests.get(f"{bridge.url}/healthz", timeout=PATIENCE).status_code == 200


def test_a_websocket_is_not_asked_for_with_a_body(bridge: Bridge) -> None:
    head = (
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    )
    for header in ("Content-Length: 5", "Transfer-Encoding: chunked"):
        answer = http(bridge, f"{head}{header}\r\n\r\n".encode() + b"hello")
        assert b"101" not in answer[:20]


def test_too_long_a_head_is_answered_in_words_and_counted(bridge: Bridge) -> None:
    before = bridge.counter("requests_too_large")
    asked = [
        ("431", "GET / HTTP/1.1\r\nHost: localhost\r\nCookie: " + "c" * 9000 + "\r\n\r\n", "cookies of this site"),
        ("431", "GET / HTTP/1.1\r\nHost: localhost\r\nCookie: " + "c" * 200_000 + "\r\n\r\n", "cookies of this site"),
        (
            "431",
            "GET / HTTP/1.1\r\nHost: localhost\r\nCookie: " + "c" * 9000 + "\r\nX: " + "y" * 60_000 + "\r\n\r\n",
            "'Cookie'",
        ),
        ("431", "GET / HTTP/1.1\r\n" + ("X: " + "y" * 4000 + "\r\n") * 20 + "\r\n", "64 KiB"),
        ("431", "GET / HTTP/1.1\r\n" + "X: y\r\n" * 150 + "\r\n", "100 headers"),
        ("414", "GET /" + "x" * 9000 + " HTTP/1.1\r\nHost: localhost\r\n\r\n", "8192 bytes"),
    ]
    for status, request, words in asked:
        answer = http(bridge, request.encode()).decode()
        assert answer.startswith(f"HTTP/1.1 {status} "), answer
        assert words in answer
    assert bridge.counter("requests_too_large") == before + len(asked)
    assert bridge.said("was answered 431: the header 'Cookie' is over 8192 bytes")


def test_too_many_cookies_of_a_websocket_are_told_too(bridge: Bridge, tmp_path: Path) -> None:
    head = f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nCookie: {'c' * 9000}\r\n"
    answer = http(bridge, f"{head}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 431 ")
