"""Heads that two readers could read in two ways: refused on both ways into the bridge, with all that stands behind."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator

import pytest

from tests.process import Bridge
from tests.raw import http
from tests.tcpserver import TcpServer
from tests.waiting import PATIENCE

HEALTHY = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
POST = b"POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\n"
#: Both ways: eventlet's WSGI server, and the acceptor that takes requests for a WebSocket.
PLAIN = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
WEBSOCKET = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
HOST = b"Host: localhost\r\n"


@pytest.fixture(scope="module")
def bridge() -> Iterator[Bridge]:
    with TcpServer() as server, Bridge("--server", server.address) as bridge:
        yield bridge


def refused(bridge: Bridge, request: bytes, status: bytes = b"400") -> None:
    """It is answered once, with this status, and what stands behind it is not served."""
    before = bridge.counter("bad_requests")
    answer = http(bridge, request + HEALTHY)
    assert answer.startswith(b"HTTP/1.1 " + status), answer
    assert answer.count(b"HTTP/1.1 ") == 1, answer
    assert b"Connection: close" in answer
    assert bridge.counter("bad_requests") == before + 1


@pytest.mark.parametrize("way", [PLAIN, WEBSOCKET], ids=["eventlet", "acceptor"])
@pytest.mark.parametrize(
    "line",
    [
        b"X-A: b\nOrigin: http://evil.example", b"X-A: b\rOrigin: http://evil.example", b"X-A: b\x00c", b"X-A: b\r",
        b"X-A: b\x01", b"X-A: b\x7f", b"X-A: b\x0bc", b"X-A: b\n", b"X-A: b\r\n folded", b"X-A: b\r\n\tfolded",
        b" X-A: b", b"no header", b"X-A : b", b"X-A\t: b", b": b", b"X\xe9: b", b"X(A): b", b"Host: localhost",
        b"Host: other", b"host: localhost", b"Content-Length: +41", b"Content-Length: 4_4", b"Content-Length: -0",
        b"Content-Length: 0x4", b"Content-Length: 4 4", b"Content-Length: 4,4", b"Content-Length:",
        b"Content-Length: 4\r\nContent-Length: 4", b"Content-Length: 4\r\nContent-Length: 41",
        b"Transfer-Encoding: xchunked", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: chunked, chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: identity",
        b"Transfer-Encoding: chunked;q=1", b"Transfer-Encoding:", b"Transfer-Encoding: chunked\r\nContent-Length: 4",
        b"Access-Control-Request-Headers: a\r\n b: c", b"Access-Control-Request-Headers: a\nSet-Cookie: b=c",
    ],
)  # fmt: skip
def test_an_odd_line_in_a_head_is_refused_on_both_ways(bridge: Bridge, way: bytes, line: bytes) -> None:
    refused(bridge, way + line + b"\r\n\r\n")


@pytest.mark.parametrize("way", [PLAIN, WEBSOCKET], ids=["eventlet", "acceptor"])
def test_a_head_without_a_host_or_with_one_that_is_none_is_refused(bridge: Bridge, way: bytes) -> None:
    refused(bridge, way.replace(HOST, b"") + b"\r\n")
    for host in (b"", b"a b", b"a,b", b"a/b", b"a@b", b"a:b:c", b"[::1", b"a:80x", b"a?b", b"\xe9", b"http://a"):
        refused(bridge, way.replace(HOST, b"Host: " + host + b"\r\n") + b"\r\n")


@pytest.mark.parametrize("way", [PLAIN, WEBSOCKET], ids=["eventlet", "acceptor"])
def test_a_line_of_a_head_ends_as_a_line_does(bridge: Bridge, way: bytes) -> None:
    refused(bridge, way.replace(b"\r\n", b"\n") + b"\n")
    refused(bridge, way.replace(b"\r\n", b"\r") + b"\r\r\n")
    refused(bridge, way + b"\n")
    refused(bridge, way.replace(b"HTTP/1.1\r\n", b"HTTP/1.1\n") + b"\r\n")


@pytest.mark.parametrize("way", [PLAIN, WEBSOCKET], ids=["eventlet", "acceptor"])
def test_a_first_line_is_three_words_with_a_space_between(bridge: Bridge, way: bytes) -> None:
    for old, new in (
        (b"GET ", b"GET  "), (b"GET ", b"GET\t"), (b" HTTP", b"  HTTP"), (b" HTTP/1.1", b""), (b"1.1\r", b"1.1 \r"),
        (b"HTTP/1.1", b"http/1.1"), (b"HTTP/1.1", b"HTTP/1.10"), (b"HTTP/1.1", b"HTTP/+1.1"), (b"GET", b"G(T"),
        (b"HTTP/1.1", b"HTTP/1.1 HTTP/1.1"), (b" /", b" "), (b" /", b" /\x00"), (b" /", b" /\x7f"), (b" /", b" /#"),
        (b" /", b" /\xc3\xbc"), (b" /", b" http://evil.example/"), (b" /", b" ftp://localhost/"), (b"GET /", b" GET /"),
    ):  # fmt: skip
        refused(bridge, way.replace(old, new, 1) + b"\r\n")
    refused(bridge, way.replace(b"HTTP/1.1", b"HTTP/2.0") + b"\r\n", b"505")


@pytest.mark.parametrize(
    "body",
    [
        b"1 \r\nx\r\n0\r\n\r\n", b" 1\r\nx\r\n0\r\n\r\n", b"+1\r\nx\r\n0\r\n\r\n", b"0x1\r\nx\r\n0\r\n\r\n",
        b"1_0\r\nx\r\n0\r\n\r\n", b"1\nx\r\n0\r\n\r\n", b"1\r\nx\n0\r\n\r\n", b"1;a\nb\r\nx\r\n0\r\n\r\n",
        b"1;\x00\r\nx\r\n0\r\n\r\n", b"1\r\nxx\r\n0\r\n\r\n", b"-0\r\n\r\n", b"\r\n\r\n", b"0\r\nno trailer\r\n\r\n",
        b"0\r\nX: \x00\r\n\r\n", b"0\r\n X: y\r\n\r\n", b"0\n\r\n",
    ],
)  # fmt: skip
def test_loose_chunks_are_refused(bridge: Bridge, body: bytes) -> None:
    there = http(bridge, b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
    sid = there.split(b'"sid":"')[1].split(b'"')[0]
    post = POST.replace(b"polling", b"polling&sid=" + sid)
    refused(bridge, post + b"Transfer-Encoding: chunked\r\n\r\n" + body)


def test_what_the_rfc_allows_is_served(bridge: Bridge) -> None:
    for request in (
        PLAIN + b"\r\n", b"\r\n" + PLAIN + b"\r\n", PLAIN + b"X-A:b\r\nX-B: \t c \t\r\nX-C:\r\nX-D: \xc3\xbc\r\n\r\n",
        PLAIN.replace(b"localhost", b"LocalHost:80") + b"\r\n", PLAIN.replace(b"localhost", b"[::1]:80") + b"\r\n",
        PLAIN.replace(b" /", b" http://localhost/") + b"\r\n", PLAIN.replace(b" /", b" HTTP://LOCALHOST/") + b"\r\n",
        PLAIN.replace(b"healthz", b"healthz?a=%20{}|^`\\[]\"'<>?") + b"\r\n", PLAIN + b"Content-Length: 0\r\n\r\n",
        PLAIN + b"Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", PLAIN + b"Content-Length: 3\r\n\r\nabc",
        PLAIN + b"Transfer-Encoding: chunked\r\n\r\n00a ; x=y\r\n0123456789\r\n0\r\nX-T: y\r\n\r\n",
    ):  # fmt: skip
        answer = http(bridge, request + HEALTHY)
        assert answer.count(b"HTTP/1.1 200 OK") == 2, (request, answer)


def test_http_1_0_needs_no_host_and_has_one_at_most(bridge: Bridge) -> None:
    assert http(bridge, b"GET /healthz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200")
    refused(bridge, b"GET /healthz HTTP/1.0\r\n" + HOST + HOST + b"\r\n")


def test_headers_over_64_kib_in_all_are_told_so(bridge: Bridge) -> None:
    before = bridge.counter("requests_too_large")
    for way in (PLAIN, WEBSOCKET):
        answer = http(bridge, way + b"".join(b"X-%d: %b\r\n" % (n, b"y" * 4000) for n in range(17)) + b"\r\n" + HEALTHY)
        assert answer.startswith(b"HTTP/1.1 431 ")
        assert answer.count(b"HTTP/1.1 ") == 1
    assert bridge.counter("requests_too_large") == before + 2


def answered(bridge: Bridge, *pieces: bytes) -> bytes:
    """The first line of the answer, and its words."""
    with socket.create_connection(("127.0.0.1", bridge.port), PATIENCE) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces[:-1]:
            sock.sendall(piece)
            before = bridge.counter("bad_requests")  # by then it has been looked at
        sock.sendall(pieces[-1])
        answer = sock.recv(65536)
        if answer.startswith(b"HTTP/1.1 101"):
            return b"101"
        assert bridge.counter("bad_requests") == before + answer.startswith(b"HTTP/1.1 400 Bad Request\r\nConnection")
        while data := sock.recv(65536):
            answer += data
    first, _, rest = answer.partition(b"\r\n")
    return first + rest.partition(b"\r\n\r\n")[2]


def test_what_one_way_takes_the_other_takes_and_with_the_same_words(bridge: Bridge) -> None:
    """A request whose first byte comes alone is eventlet's."""
    chance, taken = random.Random(5), 0
    odd = [b"\n", b"\r", b"\0", b" ", b"\t", b":", b"\r\n", b"\r\n ", b"_", b"\x7f", b"\xff", b",", b"a", b"1", b"#"]
    for _ in range(60):
        data = bytearray(WEBSOCKET + b"User-Agent: " + b"x" * 200 + b"\r\n")
        at = chance.randrange(1, len(data) - 2)
        data[at : at + chance.randrange(2)] = chance.choice(odd)
        request = bytes(data) + b"Connection: close\r\n\r\n"
        whole, parted = answered(bridge, b"", request), answered(bridge, request[:1], request[1:])
        assert whole == parted, request
        taken += whole == b"101"
    assert 5 < taken < 55
