"""One HTTP request to Engine.IO and its answer: reads the query, and answers.

Must not know sessions.

Use: `exchange = HttpExchange(server, environ, start_response, sid)`; `return exchange.refuse(Refusal.BAD_REQUEST)`.
"""

from __future__ import annotations

import enum
import gzip
import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs

import engineio

__all__ = ["CONNECTION", "JSON", "PLAIN_TEXT", "HttpExchange", "Refusal", "TooLarge", "parameters"]

#: In the environ of a request: the connection on which it came, with `sessions`, how many were begun on it, and
#: `close_connection`, which closes it after the answer if it is true. Not there for a WebSocket's.
CONNECTION = "bridge.connection"
PLAIN_TEXT = [("Content-Type", "text/plain; charset=UTF-8")]
JSON = [("Content-Type", "application/json")]
UNSTORED = [("Cache-Control", "no-store")]
FEWEST_COMPRESSED = 1024  # bytes of a polling response, as python-engineio has it
USUAL = 32  # characters of a query: those of a handshake by WebSocket, which names no session

_Headers = Sequence[tuple[str, str]]

_usual_parameters = lru_cache(64)(parse_qs)


class Refusal(enum.Enum):
    """Why a request is refused: code and text, as Node's engine.io has them."""

    UNKNOWN_TRANSPORT = (0, "Transport unknown")
    UNKNOWN_SID = (1, "Session ID unknown")
    BAD_METHOD = (2, "Bad handshake method")
    BAD_REQUEST = (3, "Bad request")
    BAD_VERSION = (5, "Unsupported protocol version")


class TooLarge(Exception):
    """The body of a POST is over the limit."""


def parameters(query: str) -> dict[str, list[str]]:
    """Parse the query of a URL. Those of most handshakes are the same, and are remembered."""
    return _usual_parameters(query) if len(query) < USUAL else parse_qs(query)


class HttpExchange:
    """One request. `server`: an engineio.Server; `sid`: of the session that it names."""

    def __init__(
        self, server: engineio.Server, environ: dict[str, Any], start_response: Callable[..., Any], sid: str
    ) -> None:
        self.environ, self.sid = environ, sid
        self._server, self._start = server, start_response

    def refuse(
        self, refusal: Refusal, message: str = "", *, reason: str = "Bad Request", headers: _Headers = ()
    ) -> Sequence[bytes]:
        """Answer 400, with a text of its own if there is one; `reason` is the first line's, of ASCII alone."""
        code, text = refusal.value
        body = json.dumps({"code": code, "message": message or text}).encode()
        return self.respond(f"400 {reason}", [*JSON, *headers], body)

    def respond(self, status: str, headers: _Headers, body: bytes) -> Sequence[bytes]:
        """Answer, compressed if that is worth it; returns the body for WSGI."""
        more = self._server._cors_headers(self.environ)
        if len(body) >= FEWEST_COMPRESSED and "gzip" in self.environ.get("HTTP_ACCEPT_ENCODING", ""):
            body, more = gzip.compress(body, 6), [*more, ("Content-Encoding", "gzip")]
        self._start(status, [*headers, *more, *UNSTORED, ("Content-Length", str(len(body)))])
        return [] if self.environ["REQUEST_METHOD"] == "HEAD" else [body]
