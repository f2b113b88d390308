"""Frames that end with a delimiter, or with one of several.

As Pekko's Framing.delimiter: the limit is inclusive and does not count the delimiter, and what has been searched is
not searched again. As Netty's DelimiterBasedFrameDecoder with several delimiters: the shortest frame wins. Unlike
both, a frame over the limit is skipped up to the next delimiter and never held.

Use: `DelimiterDecoder(b"~", 1024).feed(b"a~b")` -> [b"a"].
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from bridge.errors import FrameTooBig, TruncatedFrame

__all__ = ["AlternativesDecoder", "DelimiterDecoder", "escape_for"]

_HEAD = 64  # bytes of a skipped frame that are kept to say which it was
_NEEDED_BY_JSON = set('"\\{}[]:,+-.')


class _Frames:
    """The frame under way and the limit; what is common to one delimiter and to several."""

    def __init__(self, max_frame: int, carriage_return: bool) -> None:
        self._max = max_frame
        self._carriage_return = carriage_return  # one before a line feed is dropped
        self._cut = max_frame + (1 if carriage_return else 0)
        self._done = bytearray()  # the frame under way; of one over the limit only the head
        self._dropped = 0  # how many bytes of it are not held
        self.skipped: list[FrameTooBig] = []

    def _hold(self, data: bytes) -> None:
        """Add to the frame under way."""
        self._done += data
        if len(self._done) > self._cut:
            self._drop()

    def _drop(self) -> None:
        """The frame under way is over the limit; its head is enough to say which it was."""
        self._dropped += len(self._done) - _HEAD
        del self._done[_HEAD:]

    def _within_limit(self, frames: list[bytes]) -> list[bytes]:
        """The frames without those over the limit, of which the first may have been dropped already."""
        if not self._dropped and max(map(len, frames)) <= self._max:
            return frames
        kept = []
        for frame in frames:
            if self._dropped or len(frame) > self._max:
                self.skipped.append(FrameTooBig(self._max, frame[:_HEAD]))
                self._dropped = 0
            else:
                kept.append(frame)
        return kept


class DelimiterDecoder(_Frames):
    """Decodes a stream with one delimiter; see framing.Decoder.

    Each feed searches its own bytes and the few before them that a delimiter may have begun in, so the work is
    linear whatever the chunking.
    """

    def __init__(self, delimiter: bytes, max_frame: int) -> None:
        super().__init__(max_frame, delimiter == b"\n")
        self._delimiter, self._last = delimiter, delimiter[-1:]
        self._overlap = len(delimiter) - 1
        # The head of a dropped frame has to be as long as what is searched again.
        self._cut = max(self._cut, self._overlap + _HEAD) + self._overlap

    def feed(self, data: bytes) -> list[bytes]:
        """See framing.Decoder."""
        if self._last not in data:
            self._done += data
            if len(self._done) > self._cut:
                self._drop()
            return []
        before = b""
        if self._overlap:
            before = bytes(self._done[-self._overlap :])
            del self._done[-self._overlap :]
        frames = (before + data).split(self._delimiter)
        rest = frames.pop()
        if frames:
            if self._done:
                frames[0] = bytes(self._done) + frames[0]
                self._done.clear()
            if self._carriage_return:
                frames = [frame[:-1] if frame.endswith(b"\r") else frame for frame in frames]
            frames = self._within_limit(frames)
        self._hold(rest)
        return frames

    def eof(self) -> list[bytes]:
        """See framing.Decoder."""
        pending = len(self._done) + self._dropped
        if pending:
            raise TruncatedFrame(pending)
        return []

    def _drop(self) -> None:
        tail = bytes(self._done[len(self._done) - self._overlap :])
        super()._drop()
        self._done += tail
        self._dropped -= len(tail)


class AlternativesDecoder(_Frames):
    """Decodes a stream with several delimiters; see framing.Decoder.

    The frame under way is `_done`, in which no delimiter begins, and `_tail`, which is too short to tell.
    """

    def __init__(self, delimiters: Sequence[bytes], max_frame: int) -> None:
        super().__init__(max_frame, b"\n" in delimiters)
        # Longest first: of two that start at the same byte, `\r\n` takes more than `\r` and the frame is the same.
        self._alternatives = sorted(delimiters, key=len, reverse=True)
        self._any = re.compile(b"|".join(map(re.escape, self._alternatives)))
        # A byte without which nothing has to be looked at, a carriage return included that a \\n may drop.
        telling = b"".join(self._alternatives) + b"\r"
        self._telling = re.compile(b"[" + re.escape(telling) + b"]")
        self._longest = len(self._alternatives[0])
        self._tail = b""
        self._swallow: list[bytes] = []

    def feed(self, data: bytes) -> list[bytes]:
        """See framing.Decoder."""
        if not data:
            return []
        if not self._tail and not self._swallow and not self._telling.search(data):
            self._hold(data)
            return []
        return self._take(self._swallowed(self._tail + data), final=False)

    def eof(self) -> list[bytes]:
        """See framing.Decoder."""
        frames = self._take(self._tail, final=True)
        pending = len(self._done) + self._dropped + len(self._tail)
        if pending:
            raise TruncatedFrame(pending, frames)
        return frames

    def _take(self, window: bytes, final: bool) -> list[bytes]:
        """The frames of a window, whose rest is kept.

        Only a delimiter that starts before `undecided` is certain: from there on, the window may hold the beginning
        of a longer one, which would win if it starts earlier.
        """
        undecided = len(window) if final else self._undecided(window)
        frames, start = [], 0
        for found in self._any.finditer(window):
            if found.start() > undecided or (found.start() == undecided and not self._may_swallow(found, window)):
                break
            frame = window[start : found.start()]
            if found[0] == b"\n" and frame.endswith(b"\r"):
                frame = frame[:-1]
            frames.append(frame)
            start = found.end()
        if frames:
            frames[0] = bytes(self._done) + frames[0]
            self._done.clear()
            frames = self._within_limit(frames)
        keep = max(start, undecided)
        if keep > start and window[keep - 1 : keep] == b"\r" and not final:
            keep -= 1  # the next byte may be the line feed that drops it
        self._tail = window[keep:]
        self._hold(window[start:keep])
        return frames

    def _undecided(self, window: bytes) -> int:
        """Where the window's end is a proper beginning of some delimiter; its length if nowhere."""
        for start in range(max(0, len(window) - self._longest + 1), len(window)):
            end = window[start:]
            if any(len(end) < len(each) and each.startswith(end) for each in self._alternatives):
                return start
        return len(window)

    def _may_swallow(self, found: re.Match[bytes], window: bytes) -> bool:
        """Whether the frame can be given at once although its delimiter may turn out to be a longer one.

        It can if the longer one is only one byte longer, such as `\\r\\n` than `\\r`: the frame is the same either
        way, and that byte is dropped if it comes. So no frame waits for a byte that may never come.
        """
        seen = window[found.start() :]
        longer = [each for each in self._alternatives if each.startswith(seen) and len(each) > len(seen)]
        if seen != found[0] or any(len(each) > len(seen) + 1 for each in longer):
            return False
        self._swallow = [each[-1:] for each in longer]
        return True

    def _swallowed(self, window: bytes) -> bytes:
        """The window without the last byte of a delimiter whose shorter sibling has ended the frame already."""
        if self._swallow and window:
            drop = window[:1] in self._swallow
            self._swallow = []
            return window[drop:]
        return window


def escape_for(delimiter: bytes) -> tuple[bytes, bytes] | None:
    """What JSON text has to have replaced so that this delimiter can't occur in it; None if it can't anyway.

    One character of the delimiter is enough, if JSON needs it nowhere but in strings, where `\\u00XX` may stand for
    it (RFC 8259, section 7). Raises ValueError if there is none.
    """
    if any(byte < 0x20 for byte in delimiter):
        return None  # JSON text has no raw control characters
    try:
        text = delimiter.decode()
    except UnicodeDecodeError:
        return None  # nor bytes that are no UTF-8
    for character in text:
        kind = unicodedata.category(character)
        if ord(character) < 0x100 and character not in _NEEDED_BY_JSON and (kind[0] in "PS" or kind == "Cc"):
            return character.encode(), b"\\u%04x" % ord(character)
    raise ValueError(
        "can't be the delimiter towards the server: JSON text may contain it. It needs a control character or one of "
        "the punctuation marks that JSON does without, such as ~ | ; ! or \\n"
    )
