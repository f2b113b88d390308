"""Recognise what separates the values in a stream of JSON.

A value shows by itself where it ends, so any delimiter can be found, not only known ones. Must not know
protocols, nor lengths before frames.

Use: `json_stream(b'{"a":1}\\n{"a":2}\\n')` -> a Guess with the framing `\\n`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from bridge.link.framing.registry import frames_of
from bridge.link.recogniser.guess import Guess, spec_of, visible

__all__ = ["is_json", "is_structured", "is_value", "json_stream"]

_MOST_VALUES = 500
_LONGEST_GAP = 32  # bytes; no delimiter is longer, so a longer gap is content
_FAILURES = 8  # brackets that may be part of a gap, as in the delimiter `[END]`
_BLANK = b" \t\r\n"
_BRACKET = re.compile(r"[{\[]")
_DECODER = json.JSONDecoder(strict=False)


@dataclass(slots=True)
class _Values:
    """The complete values of a stream, the gap before each, and the bytes after the last.

    `more`: another value has begun.
    """

    whole: list[bytes]
    gaps: list[bytes]
    tail: bytes = b""
    more: bool = False


def json_stream(data: bytes) -> Guess | None:
    """Guess what separates the objects and arrays of a stream; None if it is no such stream."""
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
        return None  # perhaps the beginning of a delimiter whose rest has not come yet
    return Guess("framing", "JSON values with no delimiter between them", "json", json=True)


def is_json(data: bytes) -> bool:
    """Tell whether the data is only values and white space; the last value may be cut off."""
    found = _values(data)
    return found is not None and not b"".join([*found.gaps, found.tail]).strip(_BLANK)


def is_structured(frame: bytes) -> bool:
    """Tell whether the frame is exactly one object or array."""
    return frame[:1] in (b"{", b"[") and is_value(frame)


def is_value(frame: bytes) -> bool:
    """Tell whether the frame is exactly one value."""
    try:
        json.loads(frame)
    except (ValueError, RecursionError):
        return False
    return True


def _values(data: bytes) -> _Values | None:
    """Find every complete value; None if something in the stream is neither a value nor a gap."""
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
    """Tell whether the parser only met the end of the stream, so that the value may go on."""
    if not isinstance(error, json.JSONDecodeError):
        return False
    return error.msg.startswith("Unterminated string") or error.pos >= end - 10


def _delimiter(data: bytes, found: _Values) -> bytes | None:
    """Find what ends each value: the same bytes each time, or a line feed or another byte that is in each gap."""
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
    """Tell whether the bytes after the only value are a complete delimiter, not the beginning of a longer one."""
    return tail == b"\r\n" or (len(tail) == 1 and tail != b"\r")


def _fits(spec: str, data: bytes, whole: list[bytes]) -> bool:
    """Tell whether the framing cuts the stream into exactly these frames."""
    frames = [frame.strip(_BLANK) for frame in frames_of(data, spec)[: len(whole)]]
    return frames == whole[: len(frames)] and len(frames) >= max(1, len(whole) - 1)


def _marks(found: _Values, start: bytes) -> Guess | None:
    """Recognise values that stand between a start and an end mark."""
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
