"""Where the frames end in bytes that pass, so that a connection can be cut inside one of them.

Use: `ends = Delimited(b"~"); ends.feed(b"ab~c")` -> [3]; `ends.feed(b"d~")` -> [2].
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["Delimited", "Ends", "WebSocketFrames"]


class Ends(Protocol):
    """One direction of one connection."""

    def feed(self, data: bytes) -> list[int]:
        """How many of these bytes there are up to the end of each frame that ends in them."""


class Delimited:
    """Frames that end with a delimiter of one byte."""

    def __init__(self, delimiter: bytes = b"~") -> None:
        assert len(delimiter) == 1
        self._delimiter = delimiter[0]

    def feed(self, data: bytes) -> list[int]:
        """Return where frames end in `data`."""
        return [at + 1 for at, byte in enumerate(data) if byte == self._delimiter]


class WebSocketFrames:
    """An HTTP head, and after it WebSocket frames if it is about them; else everything is one frame without an end."""

    def __init__(self) -> None:
        self._head: bytearray | None = bytearray()  # None: it is over
        self._frames = False
        self._header, self._rest = b"", 0  # of the frame under way, and how many of its bytes are to come

    def feed(self, data: bytes) -> list[int]:
        """Return where frames end in `data`."""
        at, ends = 0, list[int]()
        if self._head is not None:
            before = len(self._head)
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return []
            at = end + 4 - before
            ends.append(at)
            self._frames = b"upgrade: websocket" in self._head[:end].lower()
            self._head = None
        while self._frames and at < len(data):
            at = self._take(data, at)
            if not self._header and not self._rest:
                ends.append(at)
        return ends

    def _take(self, data: bytes, at: int) -> int:
        """A piece of one frame: a byte of its header, or as much of the rest as is here. Where it ends."""
        if self._rest:
            size = min(self._rest, len(data) - at)
            self._rest -= size
            return at + size
        self._header += data[at : at + 1]
        if len(self._header) >= 2:
            length = self._header[1] & 0x7F
            size = {126: 2, 127: 8}.get(length, 0)
            if len(self._header) == 2 + size:
                length = int.from_bytes(self._header[2:], "big") if size else length
                self._rest = length + (4 if self._header[1] & 0x80 else 0)
                self._header = b""
        return at + 1
