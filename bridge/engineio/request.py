"""Answers one HTTP request to Engine.IO.

Must not know sessions.

Use: `request = Request(server, environ, start_response, sid)`; `return request.refuse(3, "Bad request")`.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs

import engineio

__all__ = ["JSON", "PLAIN_TEXT", "Request", "parameters"]

PLAIN_TEXT = [("Content-Type", "text/plain; charset=UTF-8")]
JSON = [("Content-Type", "application/json")]
FEWEST_COMPRESSED = 1024  # bytes of a polling response, as python-engineio has it
USUAL = 32  # characters of a query: those of a handshake by WebSocket, which names no session

_usual_parameters = lru_cache(64)(parse_qs)


def parameters(query: str) -> dict[str, list[str]]:
    """Parse the query of a URL. Those of most handshakes are the same, and are remembered."""
    return _usual_parameters(query) if len(query) < USUAL else parse_qs(query)


class Request:
    """One request. `server`: an engineio.Server; `sid`: of the session that it names."""

    def __init__(
        self, server: engineio.Server, environ: dict[str, Any], start_response: Callable[..., Any], sid: str
    ) -> None:
        self.environ, self.sid = environ, sid
        self._server, self._start = server, start_response

    def refuse(
        self, code: int, message: str, *, reason: str = "Bad Request", headers: Sequence[tuple[str, str]] = ()
    ) -> Sequence[bytes]:
        """Answer 400 with a code and a message; `reason` is the one in the first line, of ASCII alone."""
        body = json.dumps({"code": code, "message": message}).encode()
        return self.respond(f"400 {reason}", [*JSON, *headers], body)

    def respond(self, status: str, headers: Sequence[tuple[str, str]], body: bytes) -> Sequence[bytes]:
        """Answer, compressed if that is worth it; returns the body for WSGI."""
        more = self._server._cors_headers(self.environ)
        if len(body) >= FEWEST_COMPRESSED and "gzip" in self.environ.get("HTTP_ACCEPT_ENCODING", ""):
            body, more = gzip.compress(body, 6), [*more, ("Content-Encoding", "gzip")]
        self._start(status, [*headers, *more, ("Content-Length", str(len(body)))])
        return [] if self.environ["REQUEST_METHOD"] == "HEAD" else [body]
