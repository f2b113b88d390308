"""Reads the body of a request that comes in chunks (RFC 9112, section 7.1).

eventlet's own reading takes lines of any length, sizes such as `-5` and `0x1_0`, and whatever stands behind a chunk; a
server in front that reads such a body otherwise would take a part of it for the next request, or the other way round.
Here it is exactly what the RFC says, or it is broken. Must not know who reads it, nor how much of it.

Use: `body = ChunkedBody(file, go_on, on_broken)`; `io.BufferedReader(body).read()`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any, BinaryIO

from werkzeug.exceptions import BadRequest

__all__ = ["OVERDUE", "BrokenBody", "ChunkedBody"]

OVERDUE = "it did not come"  # why one is broken whose client has gone, or is too slow
LONGEST_LINE = 4096  # bytes of a chunk's size with its extensions, or of a trailer
MOST_TRAILERS = 64

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?\r\n")
_TRAILER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n")


class BrokenBody(BadRequest):
    """A body that is none, or did not come; a route that reads it answers 400."""


class ChunkedBody(io.RawIOBase):
    """A stream of the bytes in the chunks. `go_on` is called before each read; `broken`, with the reason, if what comes
    is no such body, so that nobody can know where the next request begins."""

    def __init__(self, rfile: BinaryIO, go_on: Callable[[], None], broken: Callable[[str], None]) -> None:
        self._rfile, self._go_on, self._broken = rfile, go_on, broken
        self._left = 0  # of the chunk that is read
        self._reason = ""  # why it is broken
        self.ended = False

    def readable(self) -> bool:
        """Tell io.BufferedReader that it may read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with what comes of one chunk; returns the bytes, 0 at the end. Raises BrokenBody."""
        if self._reason:
            raise BrokenBody(self._reason)
        self._go_on()
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
            self._break(OVERDUE)
        buffer[: len(data)] = data
        return len(data)

    def discard(self, most: int) -> None:
        """Read the rest, up to so many bytes; of more, it is broken."""
        buffer, size = bytearray(8192), 0
        try:
            while got := self.readinto(buffer):
                size += got
                if size > most:
                    self._break("nobody wanted it, and it is long")
        except BrokenBody:
            pass  # which has been told

    def _next(self) -> bool:
        """Whether there is another chunk."""
        if self.ended:
            return False
        size = _SIZE.fullmatch(self._rfile.readline(LONGEST_LINE))
        if size is None:
            self._break("this is no size of a chunk")
            return False
        self._left = int(size[1], 16)
        if not self._left:
            self._end()
        return not self.ended

    def _end(self) -> None:
        for _ in range(MOST_TRAILERS):
            line = self._rfile.readline(LONGEST_LINE)
            if line == b"\r\n":
                self.ended = True
                return
            if not _TRAILER.fullmatch(line):
                break
        self._break("this is no trailer, or there are too many")

    def _break(self, reason: str) -> None:
        self._reason = reason
        self._broken(reason)
        raise BrokenBody(reason)
