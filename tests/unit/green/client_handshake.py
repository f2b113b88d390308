"""What handlers see of the request with which a client came."""

from __future__ import annotations

import io
import warnings
from typing import Any

warnings.simplefilter("ignore")  # eventlet's, about itself

import flask  # noqa: E402
import pytest  # noqa: E402

from bridge.socketio_server.client_handshake import ClientHandshake, Headers  # noqa: E402


class Case:
    """`made`: how often the environ was."""

    def __init__(self, secret: str | None = "secret", **more: Any) -> None:
        self.app = flask.Flask("test")
        self.app.secret_key = secret
        self.made = 0
        self.environ = {
            "REQUEST_METHOD": "GET", "SERVER_NAME": "here", "SERVER_PORT": "80", "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(), "HTTP_HOST": "here", "HTTP_USER_AGENT": "Test/1", **more,
        }  # fmt: skip
        self.handshake = ClientHandshake(self.app, self._whole, {"token": 1})

    def _whole(self) -> dict[str, Any]:
        self.made += 1
        return self.environ


def test_headers_are_found_by_names_in_any_case() -> None:
    headers = Headers({"HTTP_USER_AGENT": "Test/1", "HTTP_X": 3, "REMOTE_ADDR": "x", "XHTTP_Y": "y"})
    assert headers["user-agent"] == headers["USER-AGENT"] == headers["User-Agent"] == "Test/1"
    assert (list(headers), len(headers), headers["x"]) == (["User-Agent", "X"], 2, "3")
    assert headers.get("remote-addr") is None
    with pytest.raises(KeyError):
        headers["none"]


def test_nothing_is_made_before_it_is_asked_for() -> None:
    at = Case(HTTP_COOKIE="a=b; c=d")
    assert at.handshake.auth == {"token": 1}
    assert at.made == 0
    assert at.handshake.headers["user-agent"] == "Test/1"
    assert at.handshake.cookies == {"a": "b", "c": "d"}
    assert at.handshake.query == {}
    assert at.made == 3


def test_of_a_query_the_page_s_own_part_is_seen() -> None:
    query = "EIO=4&transport=polling&sid=x&t=1&b64=1&room=a&room=b&empty=&T=x"
    assert Case(QUERY_STRING=query).handshake.query == {"room": "a", "empty": "", "T": "x"}


def test_flask_s_request_and_session_are_the_client_s_while_a_hook_runs() -> None:
    client = flask.Flask("test")
    client.secret_key = "secret"
    cookie = client.session_interface.get_signing_serializer(client).dumps({"user": "ada"})  # type: ignore[attr-defined]
    at = Case(HTTP_COOKIE=f"session={cookie}", QUERY_STRING="a=b")
    token = at.handshake.enter()
    assert at.made == 0
    assert flask.request.headers["User-Agent"] == "Test/1"
    assert flask.request.args["a"] == "b"
    assert flask.session["user"] == "ada"
    assert at.made == 1
    at.handshake.leave(token)
    assert not flask.has_request_context()


def test_without_a_key_there_is_a_session_that_can_be_read() -> None:
    at = Case(secret=None)
    token = at.handshake.enter()
    assert flask.session.get("user") is None
    with pytest.raises(RuntimeError, match="secret key"):
        flask.session["user"] = "ada"
    at.handshake.leave(token)
