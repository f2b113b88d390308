"""outside.py: what is answered before Flask-SocketIO sees it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import Client, TestResponse

from bridge.counters import Counters
from bridge.web import OuterLayer


class Site:
    """An OuterLayer around two apps; `inside` is what reached the inner one."""

    def __init__(self) -> None:
        self.inside: list[dict[str, Any]] = []
        self.counters = Counters()
        pages = Flask("pages", static_folder=None)
        pages.add_url_rule("/static/<path:name>", "static", lambda name: f"the file {name}")
        self.client = Client(OuterLayer(self._inside, pages.wsgi_app, self.counters))

    def _inside(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.inside.append(environ)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"inside"]

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize("name", ["socket.io.js", "socket.io.min.js"])
def test_the_clients_file_is_at_the_address_that_node_users_know(name: str) -> None:
    site = Site()
    assert site.get(f"/socket.io/{name}").text == f"the file {name}"
    assert site.inside == []


@pytest.mark.parametrize(("eio", "called"), [("3", "2.x"), ("2", "1.x"), ("1", "1.x")])
@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_an_old_client_is_told_what_it_is_and_what_is_needed(eio: str, called: str, transport: str) -> None:
    site = Site()
    answer = site.get(f"/socket.io/?EIO={eio}&transport={transport}&t=abc")
    assert answer.status_code == 400
    assert answer.content_type == "text/plain; charset=utf-8"
    assert called in answer.text
    for words in ("3.x or 4.x", "/socket.io/socket.io.js"):
        assert words in answer.text
    assert site.inside == []
    assert site.counters["old_clients"] == 1


def test_the_log_says_so_with_the_page_once_a_minute_at_most(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    site = Site()
    for _ in range(5):
        site.get("/socket.io/?EIO=3", Referer="http://here/game.html")
    (line,) = [record.getMessage() for record in caplog.records]
    assert "2.x" in line
    assert "http://here/game.html" in line
    assert site.counters["old_clients"] == 5


def test_what_a_page_calls_itself_can_not_write_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    Site().get("/socket.io/?EIO=3", Referer="http://here/\x1b[2J" + "x" * 10_000)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.isprintable()
    assert len(line) < 600


@pytest.mark.parametrize(
    "path",
    [
        "/", "/socket.io", "/socket.iox/?EIO=3", "/game?EIO=3", "/socket.io/?EIO=4&transport=polling",
        "/socket.io/?transport=polling", "/socket.io/?EIO=", "/socket.io/?EIO=5", "/socket.io/other.js?EIO=4",
    ],
)  # fmt: skip
def test_everything_else_goes_inside_as_it_came(path: str) -> None:
    site = Site()
    assert site.get(path).text == "inside"
    (environ,) = site.inside
    assert environ["PATH_INFO"] == path.partition("?")[0]
    assert environ["QUERY_STRING"] == path.partition("?")[2]
    assert site.counters["old_clients"] == 0


def test_a_websocket_is_not_offered_compression() -> None:
    site = Site()
    site.get(
        "/socket.io/?EIO=4&transport=websocket", Sec_WebSocket_Extensions="permessage-deflate", Upgrade="websocket"
    )
    (environ,) = site.inside
    assert "HTTP_SEC_WEBSOCKET_EXTENSIONS" not in environ
    assert environ["HTTP_UPGRADE"] == "websocket"
