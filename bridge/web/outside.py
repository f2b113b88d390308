"""Wrap Flask-SocketIO in a WSGI layer that answers, or changes, some requests before it sees them.

Flask-SocketIO's middleware takes all of /socket.io/ and answers 400 to what it does not know: the
file of the client, and clients of another protocol version, whose pages would just stay empty.

Use: `application = OuterLayer(app.wsgi_app, counters)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from bridge.counters import Counters, shorten

__all__ = ["OuterLayer"]

_Environ = dict[str, Any]
_Wsgi = Callable[[_Environ, Callable[..., Any]], Iterable[bytes]]

_CLIENT_FILES = {
    "/socket.io/socket.io.js": "/static/socket.io.js",
    "/socket.io/socket.io.min.js": "/static/socket.io.min.js",
}
_OLD = {"1": "0.9 or 1.x", "2": "1.x", "3": "2.x"}
_QUIET = 60.0  # seconds between two log lines: such a page asks again every few seconds


class OuterLayer:
    """The outer layer. `inside`: the app with Flask-SocketIO; `pages`: the Flask app alone, for the client's file."""

    def __init__(self, inside: _Wsgi, pages: _Wsgi, counters: Counters) -> None:
        self._inside, self._pages, self._counters = inside, pages, counters

    def __call__(self, environ: _Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request (WSGI, PEP 3333)."""
        path = environ.get("PATH_INFO", "")
        if not path.startswith("/socket.io/"):
            return self._inside(environ, start_response)
        if path in _CLIENT_FILES:
            return self._pages({**environ, "PATH_INFO": _CLIENT_FILES[path]}, start_response)
        query = environ.get("QUERY_STRING", "")
        version = "4" if query.startswith("EIO=4&") else parse_qs(query).get("EIO", [""])[0]
        if version in _OLD:
            return self._too_old(version, environ, start_response)
        # eventlet accepts permessage-deflate whenever it is offered, at four times the cost a
        # message and 90 KB a client, and has no switch.
        environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
        return self._inside(environ, start_response)

    def _too_old(self, version: str, environ: _Environ, start_response: Callable[..., Any]) -> list[bytes]:
        text = (
            f"This page's socket.io client is {_OLD[version]} (EIO={version}). "
            "The bridge needs 3.x or 4.x, and serves one at /socket.io/socket.io.js: "
            "change the page's script tag to that address."
        )
        page = environ.get("HTTP_REFERER") or environ.get("HTTP_ORIGIN") or "unknown"
        self._counters.note("old_clients", "! %s The page: %s", text, shorten(page, 200), quiet=_QUIET)
        body = text.encode()
        start_response(
            "400 Bad Request",
            [
                ("Content-Type", "text/plain; charset=utf-8"),
                ("Cache-Control", "no-store"),
                ("Content-Length", str(len(body))),
            ],
        )
        return [body]
