"""Frames that are JSON values, one after another, with nothing agreed upon between them. Sans-IO.

Finds where each value ends; whether it is good JSON is for the codec to say. Between values, white space, control
characters, commas and the usual delimiters (`~ | ;`) are skipped. A bare number or word ends before the next byte
that can't belong to it, or with the stream.

The patterns take whole runs, possessively: no byte is looked at again, so the work is linear.

Use: `JsonDecoder(1024).feed(b'{"a":1}[2] 3 ')` -> [b'{"a":1}', b"[2]", b"3"].
"""

from __future__ import annotations

import re

from bridge.errors import BadFrame, FrameTooBig, FramingError, TruncatedFrame

__all__ = ["MAX_DEPTH", "JsonDecoder"]

MAX_DEPTH = 512  # levels of nesting; a parser that recurses has its trouble beyond a thousand

_BETWEEN = re.compile(rb"[\x00-\x20\x7f,~|;]*+")
_WORD = re.compile(rb'[^\x00-\x20\x7f,~|;":{}\[\]]*+')
_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_RUN = re.compile(rb'(?:[^"{}\[\]]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+', re.DOTALL)


def _nested(levels: int) -> bytes:
    """A pattern for an object or array with at most so many levels inside it."""
    inside = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"' + (b"|" + _nested(levels - 1) if levels else b"")
    return rb'[{\[][^"{}\[\]]*+(?:(?:%b)[^"{}\[\]]*+)*+[}\]]' % inside


# Most values have few levels: one match takes them whole. What has more is walked bracket by bracket.
_SHALLOW = re.compile(_nested(4), re.DOTALL)

_QUOTE, _OPEN, _CLOSE = ord('"'), frozenset(b"{["), frozenset(b"}]")


class JsonDecoder:
    """Decodes a stream of JSON values; see framing.Decoder."""

    def __init__(self, max_frame: int) -> None:
        self._max = max_frame
        self._buffer = bytearray()  # the value under way
        self._at = 0  # up to here it has been looked at
        self._depth = 0
        self._in_string = self._in_word = False
        self.skipped: list[FrameTooBig] = []

    def feed(self, data: bytes) -> list[bytes]:
        """See framing.Decoder."""
        frames: list[bytes] = []
        try:
            if self._buffer:
                self._buffer += data
                # The value under way is finished in its own buffer; what follows it is scanned where it came from.
                if not self._scan_value(self._buffer):
                    self._check(len(self._buffer))
                    return frames
                self._check(self._at)
                frames.append(bytes(self._buffer[: self._at]))
                data = data[len(data) - (len(self._buffer) - self._at) :]
                self._buffer.clear()
            self._scan(data, frames)
        except FramingError as error:
            error.frames = frames
            raise
        return frames

    def eof(self) -> list[bytes]:
        """See framing.Decoder."""
        if not self._buffer:
            return []
        if not self._in_word:
            raise TruncatedFrame(len(self._buffer))
        word = bytes(self._buffer)
        self._buffer.clear()
        return [word]

    def _scan(self, data: bytes, frames: list[bytes]) -> None:
        """All values that begin in `data`; what is left of the last one goes to the buffer."""
        at = _after(_BETWEEN, data, 0)
        while at < len(data):
            whole = _SHALLOW.match(data, at)
            if whole:
                end = whole.end()
            else:
                self._begin(data[at], at)
                if not self._scan_value(data):
                    self._buffer += data[at:]
                    self._check(len(data) - at)
                    self._at -= at
                    return
                end = self._at
            if end - at > self._max:
                raise FrameTooBig(self._max, data[at : at + 64])
            frames.append(data[at:end])
            at = _after(_BETWEEN, data, end)

    def _begin(self, first: int, at: int) -> None:
        if first in _CLOSE or first == ord(":"):
            raise BadFrame(f"{chr(first)!r} stands where a JSON value should begin")
        self._depth = 0
        self._in_string = first == _QUOTE
        self._in_word = first != _QUOTE and first not in _OPEN
        self._at = at + self._in_string

    def _scan_value(self, data: bytes | bytearray) -> bool:
        """Go on from `_at` to the end of the value; False if it is not all there."""
        if self._in_word:
            self._at = _after(_WORD, data, self._at)
            return self._at < len(data)
        while self._at < len(data):
            if self._in_string:
                if not self._scan_string(data):
                    return False
            else:
                self._at = _after(_RUN, data, self._at)
                if self._at == len(data):
                    return False
                self._step(data[self._at])
            if self._depth == 0 and not self._in_string:
                return True
        return False

    def _scan_string(self, data: bytes | bytearray) -> bool:
        self._at = _after(_STRING, data, self._at)
        if self._at == len(data) or data[self._at] != _QUOTE:  # else half an escape is left
            return False
        self._at += 1
        self._in_string = False
        return True

    def _step(self, byte: int) -> None:
        """Over a bracket, or over the quote of a string that is not all there."""
        self._at += 1
        if byte == _QUOTE:
            self._in_string = True
        elif byte in _OPEN:
            self._depth += 1
            if self._depth > MAX_DEPTH:
                raise BadFrame(f"a value is nested deeper than {MAX_DEPTH} levels")
        else:
            self._depth -= 1

    def _check(self, size: int) -> None:
        if size > self._max:
            raise FrameTooBig(self._max, bytes(self._buffer[:64]))


def _after(pattern: re.Pattern[bytes], data: bytes | bytearray, at: int) -> int:
    found = pattern.match(data, at)
    return found.end() if found else at
