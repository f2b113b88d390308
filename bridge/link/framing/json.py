"""Cut a stream of JSON values into frames, whatever stands between the values. Sans-IO.

Finds where each value ends; the codec says whether it is valid JSON. Between values everything is skipped with which
no value begins: white space, control characters, commas, the punctuation that delimiters are made of, and byte order
marks.
A bare number or word ends before the next byte that can't belong to it, or with the stream.

The work is linear: no byte that a pattern has taken is looked at again, and a pattern that fails leaves no other way of
matching, because each byte decides by itself what it is. Repetitions are bounded, because they cost memory while they
last. Possessive repetitions would need neither care, but match wrongly before Python 3.11.5 (CPython issues 100061 and
106052).

Use: `JsonDecoder(1024).feed(b'{"a":1}[2] 3 ')` -> [b'{"a":1}', b"[2]", b"3"].
"""

from __future__ import annotations

import re

from bridge.errors import BadFrame, FrameTooBig, FramingError, TruncatedFrame

__all__ = ["MAX_DEPTH", "JsonDecoder"]

MAX_DEPTH = 512  # levels of nesting; a recursive parser gets into trouble beyond a thousand

_HEAD = 64  # bytes of a refused value that are shown

_FLAT = rb'[^"{}\[\]]*'
# A longer string is read by _TEXT: to find only at the end of a read that it goes on would cost too much.
_STRING = rb'"[^"\\]{0,500}(?:"|(?:\\.[^"\\]{0,500}){1,60}")'


def _inside(levels: int) -> bytes:
    """Make a pattern of what stands between two brackets, with at most so many levels of brackets in it."""
    item = _STRING + (rb"|[{\[]%b[}\]]" % _inside(levels - 1) if levels else b"")
    return rb"%b(?:(?:%b)%b){0,250}" % (_FLAT, item, _FLAT)


_BOM = b"\xef\xbb\xbf"
_JUNK = rb"[\x00-!#-*,/;-@^`|~\x7f]*"
_SKIPPED = rb"%b(?:%b%b)*" % (_JUNK, _BOM, _JUNK)
_BETWEEN = re.compile(_SKIPPED)
_WORD = re.compile(rb"[0-9A-Za-z_+.\-\x80-\xff]*")
# Most values have few levels: one match takes all but the last bracket. What has more is walked, run by run.
_START = re.compile(rb"%b([{\[]%b)" % (_SKIPPED, _inside(2)), re.DOTALL)
_RUN = re.compile(_inside(1), re.DOTALL)
_TEXT = re.compile(rb'[^"\\]*(?:\\.[^"\\]*){0,1000}', re.DOTALL)

_QUOTE, _OPEN, _CLOSE = ord('"'), frozenset(b"{["), frozenset(b"}]")
_NEVER_FIRST = frozenset(b"}]:\\")


class JsonDecoder:
    """Decodes a stream of JSON values; see interface.Decoder."""

    def __init__(self, max_frame: int) -> None:
        self._max = max_frame
        self._buffer = bytearray()  # the incomplete value
        self._at = 0  # bytes of it that have been looked at
        self._depth = 0
        self._in_string = False  # whether `_at` is inside a string
        self._in_word = False  # whether the value is a number or a word
        self._mark = b""  # between values: the beginning of what may become a byte order mark
        self.skipped: list[FrameTooBig] = []

    def feed(self, data: bytes) -> list[bytes]:
        frames: list[bytes] = []
        if self._mark:
            data, self._mark = self._mark + data, b""
        try:
            self._scan(self._finish(data, frames) if self._buffer else data, frames)
        except FramingError as error:
            error.frames = frames
            raise
        return frames

    def eof(self) -> list[bytes]:
        if self._mark:
            mark, self._mark = self._mark, b""
            self._check(mark, 0, len(mark))
            return [mark]
        if not self._buffer:
            return []
        if not self._in_word:
            raise TruncatedFrame(len(self._buffer))
        word = bytes(self._buffer)
        self._buffer.clear()
        return [word]

    def _finish(self, data: bytes, frames: list[bytes]) -> bytes:
        """Continue the incomplete value in the buffer. Return the part of `data` after it."""
        before = len(self._buffer)
        self._buffer += data
        whole = self._walk(self._buffer, 0)
        end = self._at if whole else len(self._buffer)
        self._check(self._buffer, 0, end)
        if not whole:
            return b""
        frames.append(bytes(self._buffer[:end]))
        self._buffer.clear()
        return data[end - before :]

    def _scan(self, data: bytes, frames: list[bytes]) -> None:
        """Find all values that begin in `data`, and put an incomplete last one into the buffer."""
        at = 0
        while True:
            run = _START.match(data, at)
            if run:
                at, end = run.span(1)
            else:
                at = end = _after(_BETWEEN, data, at)
                if at == len(data):
                    return
                if data[at] == _BOM[0] and _BOM.startswith(data[at : at + len(_BOM)]):
                    self._mark = data[at:]
                    return
            if run and end < len(data) and data[end] in _CLOSE:
                end += 1
            else:
                end = self._slowly(data, at, end)
            self._check(data, at, end or len(data))
            if not end:
                self._buffer += data[at:]
                self._at -= at
                return
            frames.append(data[at:end])
            at = end

    def _slowly(self, data: bytes, start: int, at: int) -> int:
        """Return where the value that begins at `start`, looked at up to `at`, ends; 0 if it is incomplete."""
        first = data[start]
        if first in _NEVER_FIRST:
            raise BadFrame(f"{chr(first)!r} stands where a JSON value should begin")
        self._at, self._depth = at, int(first in _OPEN)
        self._in_string = first == _QUOTE
        self._in_word = not self._depth and not self._in_string
        self._at += self._in_string
        if self._depth and not self._step(data, start):
            return 0
        return self._at if self._walk(data, start) else 0

    def _walk(self, data: bytes | bytearray, start: int) -> bool:
        """Go on from `_at` to the end of the value that began at `start`. Return False if it is incomplete."""
        if self._in_word:
            self._at = _after(_WORD, data, self._at)
            return self._at < len(data)
        while self._depth or self._in_string:
            self._at = _after(_TEXT if self._in_string else _RUN, data, self._at)
            if not self._step(data, start):
                return False
        return True

    def _step(self, data: bytes | bytearray, start: int) -> bool:
        """Step over the byte at which a pattern stopped. Return False if more bytes are needed."""
        if self._at >= len(data):
            return False
        byte = data[self._at]
        if byte == _QUOTE:
            self._in_string = not self._in_string
        elif self._in_string:  # a backslash: half an escape, or one more than the pattern takes at a time
            return self._at + 1 < len(data)
        elif byte in _OPEN:
            self._depth += 1
            if self._depth > MAX_DEPTH:
                self._check(data, start, self._at)
                raise BadFrame(f"a value is nested deeper than {MAX_DEPTH} levels")
        else:
            self._depth -= 1
        self._at += 1
        return True

    def _check(self, data: bytes | bytearray, start: int, end: int) -> None:
        if end - start > self._max:
            raise FrameTooBig(self._max, bytes(data[start : start + min(_HEAD, self._max + 1)]))


def _after(pattern: re.Pattern[bytes], data: bytes | bytearray, at: int) -> int:
    found = pattern.match(data, at)
    return found.end() if found else at
