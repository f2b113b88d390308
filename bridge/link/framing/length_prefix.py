"""Cut a stream into frames that stand after their length: fixed-size lengths, netstrings, protobuf's varints.

Sans-IO. A length over the limit is refused as soon as it is read, before anything of its frame is held. A byte order
mark at the start of a connection is skipped, unless it can be a length.

Use: `LengthDecoder(1024, 2, "big").feed(b"\\x00\\x01a")` -> [b"a"].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal

from bridge.errors import BadFrame, FrameTooBig, FramingError, TruncatedFrame
from bridge.link.framing.interface import Encoder

__all__ = ["ByteOrder", "CountedEncoder", "LengthDecoder", "NetstringDecoder", "VarintDecoder", "varint"]

ByteOrder = Literal["big", "little"]

_BOM = b"\xef\xbb\xbf"
_VARINT_BYTES = 10  # 64 bits at 7 a byte (Protocol Buffers, "Encoding")


class CountedDecoder(ABC):
    """Decodes headers, each followed by as many bytes as it says, and by `_trailer`."""

    _trailer = b""

    def __init__(self, max_frame: int) -> None:
        self._max = max_frame
        self._buffer = bytearray()
        self._wanted = 1  # bytes in the buffer below which no frame can be complete
        self._begins = True  # whether the first header is still to come
        self.skipped: list[FrameTooBig] = []

    def feed(self, data: bytes) -> list[bytes]:
        self._buffer += data
        if len(self._buffer) < self._wanted:
            return []
        view = bytes(self._buffer)
        frames: list[bytes] = []
        at = self._first(view) if self._begins else 0
        if at is None:
            return []
        try:
            while (frame_end := self._frame(view, at)) is not None:
                start, end = frame_end
                frames.append(view[start:end])
                at = end + len(self._trailer)
        except FramingError as error:
            error.frames = frames
            raise
        del self._buffer[:at]
        self._wanted -= at
        return frames

    def eof(self) -> list[bytes]:
        if self._buffer:
            raise TruncatedFrame(len(self._buffer))
        return []

    def _first(self, view: bytes) -> int | None:
        """Return where the first header begins: after a byte order mark, unless that can be a length. None: not known
        yet."""
        if not view.startswith(_BOM):
            if _BOM.startswith(view):
                return None
            self._begins = False
            return 0
        try:
            header = self._header(view, 0)
        except FramingError:
            header = (0, self._max + 1)
        if header is None:
            return None
        self._begins = False
        return len(_BOM) if header[1] > self._max else 0

    def _frame(self, view: bytes, at: int) -> tuple[int, int] | None:
        """Return where the frame with its header at `at` starts and ends; None if it is incomplete."""
        header = self._header(view, at)
        if header is None:
            self._wanted = len(view) + 1
            return None
        start, size = header
        if size > self._max:
            # The bytes include the header: if the framing is wrong, that is the text which was taken for a length.
            raise FrameTooBig(self._max, view[at : at + 64])
        end = start + size
        if len(view) < end + len(self._trailer):
            self._wanted = end + len(self._trailer)
            return None
        if view[end : end + len(self._trailer)] != self._trailer:
            raise BadFrame(f"a frame of {size} bytes is not followed by {self._trailer!r}")
        return start, end

    @abstractmethod
    def _header(self, view: bytes, at: int) -> tuple[int, int] | None:
        """Read the header at `at`: (where its frame starts, the frame's size); None if it is incomplete."""


class LengthDecoder(CountedDecoder):
    """Decodes frames after an unsigned integer of 1, 2, 4 or 8 bytes."""

    def __init__(self, max_frame: int, size: int, order: ByteOrder) -> None:
        super().__init__(max_frame)
        self._size, self._order = size, order

    def _header(self, view: bytes, at: int) -> tuple[int, int] | None:
        start = at + self._size
        return None if len(view) < start else (start, int.from_bytes(view[at:start], self._order))


class NetstringDecoder(CountedDecoder):
    """Decodes netstrings: `5:hello,` (D. J. Bernstein, "Netstrings", 1997). Strict: no leading zeros."""

    _trailer = b","

    def __init__(self, max_frame: int) -> None:
        super().__init__(max_frame)
        self._digits = len(str(max_frame))

    def _header(self, view: bytes, at: int) -> tuple[int, int] | None:
        colon = view.find(b":", at, at + self._digits + 1)
        digits = view[at:colon] if colon >= 0 else view[at : at + self._digits + 1]
        if (digits and not digits.isdigit()) or (digits[:1] == b"0" and len(digits) > 1) or colon == at:
            raise BadFrame(f"{digits[:20]!r} is no netstring's length")
        if colon >= 0:
            return colon + 1, int(digits)
        if len(digits) > self._digits:
            raise FrameTooBig(self._max, digits)
        return None


class VarintDecoder(CountedDecoder):
    """Decodes frames after protobuf's base-128 varint, as in its delimited streams."""

    def _header(self, view: bytes, at: int) -> tuple[int, int] | None:
        size = 0
        for index, byte in enumerate(view[at : at + _VARINT_BYTES]):
            size |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                if size >> 64:
                    raise BadFrame("a varint is over 64 bits")
                return at + index + 1, size
        if len(view) >= at + _VARINT_BYTES:
            raise BadFrame("a varint has more than 10 bytes")
        return None


class CountedEncoder(Encoder):
    """Puts a header before each frame, made from its length, and `trailer` after it."""

    def __init__(self, max_frame: int, header: Callable[[int], bytes], trailer: bytes = b"") -> None:
        super().__init__(max_frame)
        self._header, self._trailer = header, trailer

    def _wrap(self, payload: bytes) -> bytes:
        return self._header(len(payload)) + payload + self._trailer


def varint(number: int) -> bytes:
    """Write a number from 0 up as a varint."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
