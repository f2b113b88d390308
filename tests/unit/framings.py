"""Oracles for framings: each decodes a whole stream at once, byte by byte, in the plainest way there is.

Every framing of the registry that has a decoder has its CHECKS here: the property tests and `make fuzz` go by them.

They share nothing with bridge.link: no regular expressions, no state between reads. What they find is an Outcome,
to be compared with what a Decoder makes of the same bytes, read in any pieces.

Use: `assert decoded(framing_in("~", 9), cuts(stream, [3, 4])) == check_of("~").oracle("~", 9)(stream)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from hypothesis import strategies as st

from bridge.errors import FramingError
from bridge.link.framing.registry import FRAMINGS, Decoder, framing_of

__all__ = [
    "BOM",
    "CHECKS",
    "SPECS",
    "Check",
    "Outcome",
    "check_of",
    "chunked",
    "cuts",
    "decoded",
    "delimiters",
    "jsons",
]


BOM = b"\xef\xbb\xbf"


@dataclass
class Outcome:
    """What a stream comes to. `error`: the code of what ended it; `pending`: bytes of the frame that it cut off."""

    frames: list[bytes] = field(default_factory=list)
    skipped: int = 0
    error: str = ""
    pending: int = 0

    def ended(self, error: str, pending: int = 0) -> Outcome:
        """Itself, with how the stream ended."""
        self.error, self.pending = error, pending
        return self


def cuts(stream: bytes, at: Iterable[int]) -> list[bytes]:
    """The stream, cut at these places; places beyond its end are no cut."""
    edges = [0, *sorted({min(place, len(stream)) for place in at}), len(stream)]
    return [stream[a:b] for a, b in pairwise(edges) if b > a]


def chunked(streams: st.SearchStrategy[bytes]) -> st.SearchStrategy[list[bytes]]:
    """Streams in pieces: one piece, single bytes, or anything between."""

    def pieces(stream: bytes) -> st.SearchStrategy[list[bytes]]:
        places = st.lists(st.integers(0, max(1, len(stream))), max_size=12)
        some = places.map(lambda at: cuts(stream, at))
        return st.one_of(some, st.just(cuts(stream, [])), st.just(cuts(stream, range(len(stream)))))

    return streams.flatmap(pieces)


def decoded(decoder: Decoder, pieces: Iterable[bytes]) -> Outcome:
    """What a decoder makes of a stream in pieces, its end included."""
    out = Outcome()
    try:
        for piece in pieces:
            out.frames += decoder.feed(piece)
        out.frames += decoder.eof()
    except FramingError as error:
        out.frames += error.frames
        out.ended(error.code, getattr(error, "pending", 0))
    out.skipped = len(decoder.skipped)
    return out


def delimited(delimiters: list[bytes], limit: int) -> Callable[[bytes], Outcome]:
    """Any delimiters: the first place where one matches ends the frame, the longest that matches there is taken."""

    def decode(stream: bytes) -> Outcome:
        out, start, at = Outcome(), 0, 0
        while at < len(stream):
            here = [each for each in delimiters if stream.startswith(each, at)]
            if not here:
                at += 1
                continue
            frame = stream[start:at]
            if b"\n" in here and frame.endswith(b"\r"):
                frame = frame[:-1]
            if len(frame) > limit:
                out.skipped += 1
            else:
                out.frames.append(frame)
            at = start = at + max(map(len, here))
        rest = len(stream) - start
        return out.ended("truncated-frame", rest) if rest else out

    return decode


def sized(size: int, order: str, limit: int) -> Callable[[bytes], Outcome]:
    """A length of `size` bytes before each frame."""

    def header(rest: bytes) -> tuple[int, int] | str | None:
        if len(rest) < size:
            return None
        digits = rest[:size] if order == "be" else rest[:size][::-1]
        return size, sum(byte << (8 * place) for place, byte in enumerate(reversed(digits)))

    return _counted(header, b"", limit)


def varints(limit: int) -> Callable[[bytes], Outcome]:
    """Protobuf's delimited streams."""

    def header(rest: bytes) -> tuple[int, int] | str | None:
        groups: list[int] = []
        for byte in rest[:10]:
            groups.append(byte % 128)
            if byte < 128:
                number = sum(group * 128**place for place, group in enumerate(groups))
                return "bad-frame" if number >= 2**64 else (len(groups), number)
        return None if len(groups) < 10 else "bad-frame"

    return _counted(header, b"", limit)


def netstrings(limit: int) -> Callable[[bytes], Outcome]:
    """Strict netstrings."""
    most = len(str(limit))

    def header(rest: bytes) -> tuple[int, int] | str | None:
        digits = ""
        for byte in rest:
            if not 0x30 <= byte <= 0x39:
                good = byte == 0x3A and digits and (digits == "0" or digits[0] != "0")
                return (len(digits) + 1, int(digits)) if good else "bad-frame"
            digits += chr(byte)
            if digits[0] == "0" and len(digits) > 1:
                return "bad-frame"
            if len(digits) > most:
                return "frame-too-big"
        return None

    return _counted(header, b",", limit)


def _counted(
    header: Callable[[bytes], tuple[int, int] | str | None], trailer: bytes, limit: int
) -> Callable[[bytes], Outcome]:
    def decode(stream: bytes) -> Outcome:
        out = Outcome()
        if stream and BOM.startswith(stream) and stream != BOM:
            return out.ended("truncated-frame", len(stream))
        if stream.startswith(BOM):
            found = header(stream)
            if isinstance(found, str) or (found and found[1] > limit):
                stream = stream[3:]
        while stream:
            found = header(stream)
            if found is None:
                return out.ended("truncated-frame", len(stream))
            if isinstance(found, str):
                return out.ended(found)
            start, size = found
            if size > limit:
                return out.ended("frame-too-big")
            end = start + size
            if len(stream) < end + len(trailer):
                return out.ended("truncated-frame", len(stream))
            if stream[end : end + len(trailer)] != trailer:
                return out.ended("bad-frame")
            out.frames.append(stream[start:end])
            stream = stream[end + len(trailer) :]
        return out

    return decode


WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._") | frozenset(range(128, 256))


def jsons(limit: int, max_depth: int = 512) -> Callable[[bytes], Outcome]:
    """Concatenated JSON values. Only for streams whose bytes between values are words, separators or junk."""

    def decode(stream: bytes) -> Outcome:
        out = Outcome()
        values = _values(stream, max_depth)
        for kind, start, end in values:
            if end - start > limit:
                return out.ended("frame-too-big")
            if kind == "whole":
                out.frames.append(stream[start:end])
            elif kind == "cut":
                return out.ended("truncated-frame", end - start)
            else:
                return out.ended("bad-frame")
        return out

    return decode


def _values(stream: bytes, max_depth: int) -> Iterator[tuple[str, int, int]]:
    """(whole, cut or bad; from; to) for each value; the last two kinds end the stream."""
    at = 0
    while at < len(stream):
        char = stream[at : at + 1]
        if stream.startswith(BOM, at):
            at += 3
            continue
        if char in (b"{", b"[", b'"'):
            kind, end = _nested(stream, at, max_depth)
        elif stream[at] in WORD:
            kind, end = "whole", at
            while end < len(stream) and stream[end] in WORD:
                end += 1
        elif char in (b"}", b"]", b":"):
            kind, end = "bad", at
        else:
            at += 1
            continue
        yield kind, at, end
        if kind != "whole":
            return
        at = end


def _nested(stream: bytes, start: int, max_depth: int) -> tuple[str, int]:
    depth, quoted, escaped = 0, False, False
    for at in range(start, len(stream)):
        char = stream[at : at + 1]
        if escaped:
            escaped = False
        elif quoted:
            escaped, quoted = char == b"\\", char != b'"'
        elif char == b'"':
            quoted = True
        elif char in (b"{", b"["):
            depth += 1
        elif char in (b"}", b"]"):
            depth -= 1
        if depth > max_depth:
            return "bad", at + 1
        if not depth and not quoted:
            return "whole", at + 1
    return "cut", len(stream)


def delimiters(spec: str) -> list[bytes]:
    """The delimiters in a framing string that is of no other framing."""
    texts = [text.removeprefix("delim:") for text in spec.split(" ")]
    return [text.encode().decode("unicode_escape").encode("latin-1") for text in texts]


class Check(NamedTuple):
    """`oracle`: what a framing string and a limit make of a stream; `alphabet`: bytes that make streams interesting."""

    oracle: Callable[[str, int], Callable[[bytes], Outcome]]
    alphabet: Callable[[str], bytes]


#: By the framing's name in the registry.
CHECKS: dict[str, Check] = {
    "delim:": Check(
        lambda spec, limit: delimited(delimiters(spec), limit), lambda spec: b"".join(delimiters(spec)) + b"\ra"
    ),
    "json": Check(lambda _, limit: jsons(limit), lambda _: b'{}[]":, 1a'),  # with backslashes: see test_framing_streams
    "length:": Check(
        lambda spec, limit: sized(int(spec[7]), spec[8:] or "be", limit), lambda spec: b"\0\0\x01\x02\x03\xff"
    ),
    "netstring": Check(lambda _, limit: netstrings(limit), lambda _: b"0123:,a"),
    "varint": Check(lambda _, limit: varints(limit), lambda _: b"\x00\x01\x02\x80\x81\xff"),
}

#: Every framing string of the registry that can be checked. What fuzzing has kept chooses one by its place.
SPECS = [spec for name, framing in FRAMINGS.items() if name in CHECKS for spec in framing.forms]


def check_of(spec: str) -> Check:
    """What checks a framing string."""
    return CHECKS[framing_of(spec).name]
