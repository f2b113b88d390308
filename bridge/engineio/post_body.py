"""Reads the body of a POST piece by piece, so that what has come of it is counted, and can be given up.

Must not know sessions, nor what is in a body.

Use: `body = PostBody(environ, limit, unfinished).read()`.
"""

from __future__ import annotations

import socket
from typing import Any

from bridge.engineio.http_exchange import CONNECTION, TooLarge
from bridge.engineio.unfinished_input import LATE, UnfinishedInput

__all__ = ["PostBody"]

PIECE = 8192  # bytes, as many as a connection's buffer has


class PostBody:
    """One that is read. It is an unfinished_input.Holder. `limit`: in bytes."""

    def __init__(self, environ: dict[str, Any], limit: int, unfinished: UnfinishedInput) -> None:
        self._environ, self._limit, self._unfinished = environ, limit, unfinished
        self._given_up = ""  # why

    def read(self) -> bytes:
        """Read it, with a length or in chunks. Raises TooLarge, ValueError, BadRequest."""
        chunked = self._environ.get("wsgi.input_terminated", False)
        length = self._limit + 1 if chunked else int(self._environ.get("CONTENT_LENGTH") or 0)
        if length > self._limit and not chunked:
            raise TooLarge
        try:
            body = self._pieces(length)
        finally:
            self._unfinished.release(self)
        if self._given_up:
            raise ValueError(self._given_up)
        if len(body) > self._limit:
            raise TooLarge
        if len(body) < length and not chunked:
            raise ValueError("a POST ended before its end")
        return body

    def _pieces(self, length: int) -> bytes:
        source, pieces, size = self._environ["wsgi.input"], [], 0
        while size < length and not self._given_up:
            self._unfinished.hold(self, size + PIECE)
            piece: bytes = source.read(min(PIECE, length - size))
            if not piece:
                break
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)

    def overdue(self) -> None:
        """Give it up, as it has not come in time."""
        self.give_up(LATE)

    def give_up(self, reason: str) -> None:
        """Have `read` end, by ending what comes on the connection, which is closed then."""
        self._given_up = reason
        connection = self._environ.get(CONNECTION)
        if connection is not None:
            connection.close_connection = 1
        try:
            self._environ["eventlet.input"].get_socket().shutdown(socket.SHUT_RD)
        except OSError:
            pass  # it has gone already
