"""Reads the body of a request that comes in chunks (RFC 9112, section 7.1), in place of eventlet's reading of it.

eventlet's takes lines of any length, sizes such as `-5` and `0x1_0`, and whatever stands behind a chunk; a server in
front that reads such a body otherwise would take a part of it for the next request, or the other way round. Here it
is exactly what the RFC says, or the connection is closed. Must not know who reads it, nor how much of it.

Use: `body = ChunkedInput(eventlet_input, on_broken)`; `environ["wsgi.input"] = body.stream()`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import eventlet.wsgi
from werkzeug.exceptions import BadRequest

__all__ = ["BrokenBody", "ChunkedInput"]

LONGEST_LINE = 4096  # bytes of a chunk's size with its extensions, or of a trailer
MOST_TRAILERS = 64
DISCARDED = 64 * 1024  # bytes of a body that nobody has read, for the next request's sake; of more, the connection goes

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")
_TRAILER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n]*\r\n")


class BrokenBody(BadRequest):
    """A body that is none, or did not come; a route that reads it answers 400."""


class ChunkedInput(eventlet.wsgi.Input):  # type: ignore[misc]
    """What eventlet has of the body. `broken` is called with the reason if the connection can't be used any more."""

    is_hundred_continue_response_sent: bool

    def __init__(self, plain: eventlet.wsgi.Input, broken: Callable[[str], None]) -> None:
        super().__init__(plain.rfile, None, plain.get_socket(), plain.wfile, plain.wfile_line, chunked_input=True)
        self._chunks = _Chunks(self, broken)

    def stream(self) -> io.BufferedReader:
        """Give the app a file to read it from."""
        return io.BufferedReader(self._chunks)

    def go_on(self) -> None:
        """Tell a client that asked whether its body is wanted that it is."""
        if self.should_send_hundred_continue:
            self.send_hundred_continue_response()
            self.is_hundred_continue_response_sent = True

    def discard(self, buffer_size: int = 0) -> None:
        """Read what the app has not."""
        self._chunks.discard()


class _Chunks(io.RawIOBase):
    """A stream of the bytes in the chunks."""

    def __init__(self, owner: ChunkedInput, broken: Callable[[str], None]) -> None:
        self._owner, self._rfile, self._broken = owner, owner.rfile, broken
        self._left = 0  # of the chunk that is read
        self._ended = False
        self._reason = ""  # why it is broken

    def readable(self) -> bool:
        """Tell io.BufferedReader that it may read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with what comes of one chunk; returns the bytes, 0 at the end. Raises BrokenBody."""
        if self._reason:
            raise BrokenBody(self._reason)
        self._owner.go_on()
        try:
            if not self._left and not self._next():
                return 0
            data = self._rfile.read(min(self._left, len(buffer)))
            self._left -= len(data)
            if not data:
                self._break("it ended before its end")
            if not self._left and self._rfile.read(2) != b"\r\n":
                self._break("a chunk is longer than its size")
        except OSError:
            self._break("it did not come")
        buffer[: len(data)] = data
        return len(data)

    def discard(self) -> None:
        """Read the rest, up to a limit."""
        buffer, size = bytearray(8192), 0
        try:
            while got := self.readinto(buffer):
                size += got
                if size > DISCARDED:
                    self._break("nobody wanted it, and it is long")
        except BrokenBody:
            pass  # which has been told

    def _next(self) -> bool:
        """Whether there is another chunk."""
        if self._ended:
            return False
        size = _SIZE.fullmatch(self._rfile.readline(LONGEST_LINE))
        if size is None:
            self._break("this is no size of a chunk")
            return False
        self._left = int(size[1], 16)
        if not self._left:
            self._end()
        return not self._ended

    def _end(self) -> None:
        for _ in range(MOST_TRAILERS):
            line = self._rfile.readline(LONGEST_LINE)
            if line == b"\r\n":
                self._ended = True
                return
            if not _TRAILER.fullmatch(line):
                break
        self._break("this is no trailer, or there are too many")

    def _break(self, reason: str) -> None:
        self._reason = reason
        self._broken(reason)
        raise BrokenBody(reason)
