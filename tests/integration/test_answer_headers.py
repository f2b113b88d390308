"""The headers of every answer, and the content policy of the bridge's own pages alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.process import Bridge
from tests.raw import http
from tests.tcpserver import TcpServer
from tests.waiting import PATIENCE

HANDLERS = """
def setup(bridge):
    @bridge.app.get("/mine")
    def mine():
        return "<script>1</script>"

    @bridge.app.get("/own")
    def own():
        return "", 200, {"Referrer-Policy": "no-referrer", "Strict-Transport-Security": "max-age=1"}

    @bridge.app.get("/fails")
    def fails():
        raise ValueError
"""
POLL = "/socket.io/?EIO=4&transport=polling"
HANDSHAKE = (
    b"GET /socket.io/?EIO=4&transport=websocket%b HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\n%b\r\n"
)


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    handlers = tmp_path_factory.mktemp("handlers") / "pages.py"
    handlers.write_text(HANDLERS)
    site = tmp_path_factory.mktemp("site")
    (site / "page.html").write_text("<script>1</script>")
    flags = ("--handlers", str(handlers), "--site", str(site), "--trusted-proxies", "127.0.0.1")
    with TcpServer() as server, Bridge("--server", server.address, *flags) as bridge:
        yield bridge


def get(bridge: Bridge, path: str) -> requests.Response:
    return requests.get(bridge.url + path, timeout=PATIENCE, allow_redirects=False)


PATHS = [
    ("/", 404), ("/page.html", 200), ("/none.html", 404), ("/static/bridge/page.js", 200), ("/static/none", 404),
    ("/bridge/", 200), ("/bridge", 308), ("/bridge/status", 200), ("/healthz", 200), ("/mine", 200), ("/fails", 500),
    ("/socket.io/socket.io.js", 200), (POLL, 200), ("/socket.io/?EIO=3&transport=polling", 400), ("/socket.io/", 400),
    (POLL + "&sid=none", 400),
]  # fmt: skip


@pytest.mark.parametrize(("path", "status"), PATHS)
def test_every_answer_has_its_headers(bridge: Bridge, path: str, status: int) -> None:
    answer = get(bridge, path)
    assert answer.status_code == status
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in answer.headers


def test_so_has_what_is_refused_before_the_app_sees_it(bridge: Bridge) -> None:
    for request in (
        b"junk\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET /" + b"x" * 9000, HANDSHAKE % (b"", b""),
        b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: " + b"x" * 9000 + b"\r\n\r\n", HANDSHAKE % (b"&sid=none", b""),
    ):  # fmt: skip
        answer = http(bridge, request)
        assert answer[9:10] == b"4", answer
        assert b"\r\nX-Content-Type-Options: nosniff\r\n" in answer
        assert b"\r\nReferrer-Policy: same-origin\r\n" in answer


def test_polls_are_never_stored(bridge: Bridge) -> None:
    answer = get(bridge, POLL)
    assert answer.headers["Cache-Control"] == "no-store"
    there = f"{POLL}&sid={answer.text.split(chr(34))[3]}"
    posted = requests.post(bridge.url + there, "40", timeout=PATIENCE)
    for each in (posted, get(bridge, there), get(bridge, POLL + "&sid=none"), get(bridge, "/socket.io/?EIO=3")):
        assert each.headers["Cache-Control"] == "no-store"
    assert get(bridge, "/socket.io/socket.io.js").headers["Cache-Control"] != "no-store"


def test_the_bridge_s_own_pages_alone_have_a_content_policy(bridge: Bridge) -> None:
    for path in ("/bridge/", "/"):
        policy = get(bridge, path).headers["Content-Security-Policy"]
        rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
        wanted = {"base-uri": "'none'", "connect-src": "'self'", "frame-ancestors": "'self'", "form-action": "'self'"}
        assert wanted.items() <= rules.items()
        assert "unsafe" not in policy
    for path in ("/page.html", "/mine", "/fails", "/static/bridge/page.js"):
        assert "Content-Security-Policy" not in get(bridge, path).headers
        assert "X-Frame-Options" not in get(bridge, path).headers


def test_what_a_route_says_itself_stays(bridge: Bridge) -> None:
    headers = get(bridge, "/own").headers
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Strict-Transport-Security"] == "max-age=1"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_who_comes_by_tls_is_told_to_come_so(bridge: Bridge) -> None:
    for path in ("/bridge/", "/page.html", "/mine", POLL, "/none"):
        answer = requests.get(bridge.url + path, headers={"X-Forwarded-Proto": "https"}, timeout=PATIENCE)
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_so_has_what_is_turned_away_at_the_door(bridge: Bridge) -> None:
    for headers, status in (({"Host": "evil.example"}, 421), ({"Origin": "http://evil.example"}, 403)):
        answer = requests.post(f"{bridge.url}/mine", headers=headers, timeout=PATIENCE)
        assert answer.status_code == status
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
