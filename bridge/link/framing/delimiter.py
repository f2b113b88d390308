"""Cut a stream into frames that end with a delimiter, or with one of several.

As in Pekko's Framing.delimiter, the limit is inclusive and does not count the delimiter, and no byte is searched twice.
As in Netty's DelimiterBasedFrameDecoder with several delimiters, the shortest frame wins. Unlike both, a frame over
the limit is skipped up to the next delimiter and never held.

Use: `DelimiterDecoder(b"~", 1024).feed(b"a~b")` -> [b"a"].
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from bridge.errors import FrameTooBig, Refused, TruncatedFrame
from bridge.link.framing.interface import Encoder

__all__ = ["AlternativesDecoder", "DelimiterDecoder", "DelimiterEncoder", "escapes_for"]

_HEAD = 64  # bytes of a skipped frame that are kept for the log
_NEEDED_BY_JSON = frozenset('"\\{}[]:,+-.')
_NEVER_IN_UTF_8 = frozenset((0xC0, 0xC1, *range(0xF5, 0x100)))  # RFC 3629, section 4


class _Frames:
    """Keeps the incomplete frame and enforces the limit, for one delimiter and for several."""

    def __init__(self, max_frame: int, carriage_return: bool) -> None:
        self._max = max_frame
        self._carriage_return = carriage_return  # whether a \r before a \n is dropped
        self._cut = max(_HEAD, max_frame + (1 if carriage_return else 0))
        self._done = bytearray()  # the incomplete frame; if it is over the limit, only its head
        self._dropped = 0  # how many of its bytes are not held
        self.skipped: list[FrameTooBig] = []

    def _hold(self, data: bytes) -> None:
        """Add to the incomplete frame."""
        self._done += data
        if len(self._done) > self._cut:
            self._drop()

    def _join(self, frames: list[bytes]) -> None:
        """Put what was held before the first frame."""
        if self._done:
            frames[0] = bytes(self._done) + frames[0]
            self._done.clear()

    def _drop(self) -> None:
        """Drop the incomplete frame, which is over the limit, except its head."""
        self._dropped += len(self._done) - _HEAD
        del self._done[_HEAD:]

    def _within_limit(self, frames: list[bytes], size: int) -> list[bytes]:
        """Remove frames over the limit; the first may have been dropped already.

        `size`: bytes that each of the others has at most.
        """
        fits = len(frames[0]) <= self._max and (size <= self._max or max(map(len, frames)) <= self._max)
        if fits and not self._dropped:
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
    """Decodes a stream with one delimiter; see interface.Decoder.

    Each feed searches its own bytes and the few before them in which a delimiter may have begun, so the work is linear
    however the bytes are cut.
    """

    def __init__(self, delimiter: bytes, max_frame: int) -> None:
        super().__init__(max_frame, delimiter == b"\n")
        self._delimiter, self._last = delimiter, delimiter[-1:]
        self._overlap = len(delimiter) - 1
        # The head of a dropped frame has to be as long as what is searched again.
        self._cut += 2 * self._overlap

    def feed(self, data: bytes) -> list[bytes]:
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
            self._join(frames)
            if self._carriage_return and (frames[0][-1:] == b"\r" or b"\r" in data):
                frames = [frame[:-1] if frame.endswith(b"\r") else frame for frame in frames]
            frames = self._within_limit(frames, len(data))
        self._hold(rest)
        return frames

    def eof(self) -> list[bytes]:
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
    """Decodes a stream with several delimiters; see interface.Decoder.

    The frame under way is `_done`, in which no delimiter begins, and `_tail`, which may be the beginning of one. Or,
    if `_given`, the tail is a delimiter whose frame has been given already, and that may turn out to be a longer one:
    after `\\r` a `\\n` may follow or not, the frame is the same, so it does not wait.
    """

    def __init__(self, delimiters: Sequence[bytes], max_frame: int) -> None:
        super().__init__(max_frame, b"\n" in delimiters)
        # Longest first: of two that start at the same byte, the longer one is taken.
        longest_first = sorted(delimiters, key=len, reverse=True)
        self._any = re.compile(b"|".join(map(re.escape, longest_first)))
        self._telling = re.compile(b"[" + re.escape(b"".join(delimiters)) + b"]")  # without these nothing happens
        self._longest = len(longest_first[0])
        self._beginnings = frozenset(each[:size] for each in delimiters for size in range(1, len(each)))
        self._tail = b""
        self._given = False

    def feed(self, data: bytes) -> list[bytes]:
        if not self._tail and not self._telling.search(data):
            self._hold(data)
            return []
        window = self._tail + data
        undecided = self._undecided(window, 0)
        if undecided < len(window) or self._given or self._carriage_return:
            return self._take(window, undecided)
        self._tail = b""
        frames = self._any.split(window)
        rest = frames.pop()
        if frames:
            self._join(frames)
            frames = self._within_limit(frames, len(window))
        self._hold(rest)
        return frames

    def eof(self) -> list[bytes]:
        frames = self._take(self._tail, len(self._tail))
        pending = len(self._done) + self._dropped
        if pending:
            raise TruncatedFrame(pending, frames)
        return frames

    def _take(self, window: bytes, undecided: int) -> list[bytes]:
        """Return the frames of a window, and keep its rest.

        From `undecided` on, the window is the beginning of some delimiter: one that is found to start later would
        not win if that one came. One that starts just there ends the same frame as the longer one.
        """
        start = 0
        frames: list[bytes] = []
        if self._given:
            longer = self._any.match(window)
            if not undecided or not longer:
                self._tail = window
                return frames
            self._given, start = False, longer.end()
        for found in self._any.finditer(window, start):
            at = found.start()
            if start > undecided:  # what seemed to begin there is inside a delimiter
                undecided = self._undecided(window, start)
            if at > undecided:
                break
            frames.append(window[start:at])
            if len(frames) == 1:
                self._join(frames)
            if self._carriage_return and window[at] == 0x0A and frames[-1].endswith(b"\r"):
                frames[-1] = frames[-1][:-1]
            self._given = at == undecided
            start = at if self._given else found.end()
            if self._given:
                break
        if frames:
            frames = self._within_limit(frames, len(window))
        keep = max(start, undecided)
        self._tail = window[keep:]
        self._hold(window[start:keep])
        return frames

    def _undecided(self, window: bytes, start: int) -> int:
        """Return where, from `start` on, a delimiter may begin that the end cuts off; else the window's length."""
        for at in range(max(start, len(window) - self._longest + 1), len(window)):
            if window[at:] in self._beginnings:
                return at
        return len(window)


class DelimiterEncoder(Encoder):
    """Puts the delimiter after each frame. Raises ValueError for a delimiter that JSON text may contain."""

    def __init__(self, delimiter: bytes, max_frame: int) -> None:
        super().__init__(max_frame)
        self._delimiter = delimiter
        self.escapes = escapes_for(delimiter)

    def frames(self, payloads: Sequence[bytes]) -> bytes:
        if max(map(len, payloads)) <= self._max:
            joined = self._delimiter.join([*payloads, b""])
            if joined.count(self._delimiter) == len(payloads) and len(self._delimiter) == 1:
                return joined
        return super().frames(payloads)

    def _wrap(self, payload: bytes) -> bytes:
        framed = payload + self._delimiter
        # Not `in payload`: with the delimiter `~~`, the frame `a~` would be cut one byte early.
        if framed.find(self._delimiter) != len(payload):
            raise Refused("delimiter-in-frame", f"the frame contains the delimiter {self._delimiter!r}")
        return framed


def escapes_for(delimiter: bytes) -> Sequence[tuple[bytes, bytes]]:
    """What JSON text has to have replaced so that this delimiter can't occur in it, and by what; of one that can't
    anyway, nothing.

    One character of the delimiter is enough, if JSON needs it nowhere but in strings, where `\\u00XX` may stand for
    it (RFC 8259, section 7). Control characters below U+0020 are never raw in JSON text, and some bytes never in
    UTF-8. Raises ValueError if there is no such character.
    """
    if any(byte < 0x20 or byte in _NEVER_IN_UTF_8 for byte in delimiter):
        return ()
    # Parts of characters are passed over: `\xa9~` can only be told from the end of `é` by its `~`.
    for character in delimiter.decode(errors="ignore"):
        kind = unicodedata.category(character)
        if ord(character) < 0x100 and character not in _NEEDED_BY_JSON and (kind[0] in "PS" or kind == "Cc"):
            return ((character.encode(), b"\\u%04x" % ord(character)),)
    raise ValueError(
        "can't be the delimiter towards the server: JSON text may contain it. It needs a control character or one of "
        "the punctuation marks that JSON does without, such as ~ | ; ! or \\n"
    )
