"""Streams of JSON values: what stands between them is the framing, whatever it is.

A value says itself where it ends, so the delimiter need not be among those that are tried. Must not know
protocols, nor lengths before frames.

Use: `json_stream(b'{"a":1}\\n{"a":2}\\n')` -> a Guess with the framing `\\n`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from bridge.errors import FramingError
from bridge.link.framing.registry import framing_in
from bridge.link.recogniser.guess import Guess, spec_of, visible

__all__ = ["is_json", "is_structured", "is_value", "json_stream"]

_MOST_VALUES = 500
_LONGEST_GAP = 32  # bytes; a delimiter is shorter, and what is longer is content
_FAILURES = 8  # brackets that may be part of a gap, as in the delimiter `[END]`
_BLANK = b" \t\r\n"
_BRACKET = re.compile(r"[{\[]")
_DECODER = json.JSONDecoder(strict=False)


@dataclass(slots=True)
class _Values:
    """The values of a stream, the gap before each, and what follows the last one; `more`: one more has begun."""

    whole: list[bytes]
    gaps: list[bytes]
    tail: bytes = b""
    more: bool = False


def json_stream(data: bytes) -> Guess | None:
    """What parts the objects and arrays of a stream, if it is one."""
    found = _values(data)
    if found is None or not found.whole:
        return None
    if found.gaps[0].strip(_BLANK):
        return _marks(found, found.gaps[0])
    data = data[: sum(map(len, found.whole)) + sum(map(len, found.gaps)) + _LONGEST_GAP]
    delimiter = _delimiter(data, found)
    if delimiter is not None:
        spec = spec_of(delimiter)
        return Guess("framing", f"JSON with {spec} after each value", spec, json=True)
    if (found.tail and not found.more and len(found.whole) == 1) or not _fits("json", data, found.whole):
        return None  # the beginning of a delimiter, of which no more has come
    return Guess("framing", "JSON values with no delimiter between them", "json", json=True)


def is_json(data: bytes) -> bool:
    """Whether there is nothing in it but values, the last of which may be cut off, and white space."""
    found = _values(data)
    return found is not None and not b"".join([*found.gaps, found.tail]).strip(_BLANK)


def is_structured(frame: bytes) -> bool:
    """Whether it is one object or array, whole."""
    return frame[:1] in (b"{", b"[") and is_value(frame)


def is_value(frame: bytes) -> bool:
    """Whether it is one value, whole."""
    try:
        json.loads(frame)
    except (ValueError, RecursionError):
        return False
    return True


def _values(data: bytes) -> _Values | None:
    """Every value that is whole; None if there is something in the stream that is neither value nor gap."""
    text = data.decode("latin-1")  # a character is a byte, so places are the same
    found, at, search, failures = _Values([], []), 0, 0, 0
    while len(found.whole) < _MOST_VALUES:
        bracket = _BRACKET.search(text, search)
        start = bracket.start() if bracket else len(text)
        if start - at > _LONGEST_GAP:
            return None
        if bracket is None:
            found.tail = data[at:]
            return found
        try:
            _, end = _DECODER.raw_decode(text, start)
        except RecursionError:
            return None
        except ValueError as error:
            if _is_cut(error, len(text)):
                found.tail, found.more = data[at:start], True
                return found
            failures, search = failures + 1, start + 1
            if failures > _FAILURES:
                return None
            continue
        found.gaps.append(data[at:start])
        found.whole.append(data[start:end])
        at = search = end
    found.more = True
    return found


def _is_cut(error: ValueError, end: int) -> bool:
    """Whether it is the end of the stream that the parser stumbled over, and more of the value is to come."""
    if not isinstance(error, json.JSONDecodeError):
        return False
    return error.msg.startswith("Unterminated string") or error.pos >= end - 10


def _delimiter(data: bytes, found: _Values) -> bytes | None:
    """What ends each value: the same bytes each time, or the line feed, or one byte, that is in each gap."""
    gaps = found.gaps[1:]
    if not gaps:
        gaps = [found.tail] if found.tail and (found.more or _is_whole(found.tail)) else []
    if not gaps or not all(gaps):
        return None
    exact = set(gaps)
    first = gaps[0]
    candidates = [b"\n"] if exact <= {b"\n", b"\r\n"} else []
    if len(exact) == 1:
        candidates.append(first)
    if all(b"\n" in gap for gap in exact):
        candidates.append(b"\n")
    if len(exact) > 1:
        candidates += [bytes([byte]) for byte in dict.fromkeys(first) if all(byte in gap for gap in exact)]
    for delimiter in dict.fromkeys(candidates):
        if delimiter.strip(b" ") and _fits(spec_of(delimiter), data, found.whole):
            return delimiter
    return None


def _is_whole(tail: bytes) -> bool:
    """Whether what follows the only value so far is a delimiter, and not the beginning of a longer one."""
    return tail == b"\r\n" or (len(tail) == 1 and tail != b"\r")


def _fits(spec: str, data: bytes, whole: list[bytes]) -> bool:
    """Whether the framing makes just these frames of the stream."""
    decoder = framing_in(spec, len(data) + 1)
    try:
        frames = [frame.strip(_BLANK) for frame in decoder.feed(data)]
    except FramingError as error:
        frames = [frame.strip(_BLANK) for frame in error.frames]
    frames = frames[: len(whole)]
    return frames == whole[: len(frames)] and len(frames) >= max(1, len(whole) - 1)


def _marks(found: _Values, start: bytes) -> Guess | None:
    """Values that have something before them as well as after them."""
    if start[0] >= 0x20 and start[:1] not in (b"<", b"("):
        return None
    gaps = found.gaps[1:] or [found.tail + start]
    ends = {gap[: -len(start)] for gap in gaps if gap.endswith(start)}
    if len(ends) != 1 or not all(gap.endswith(start) for gap in gaps):
        return None
    end = ends.pop()
    if not end:
        return None
    return Guess("framing", f"JSON between the marks {visible(start)} and {visible(end)}", json=True)
