"""Recognise streams whose frames have their length before them: of fixed width, netstrings, varints.

Almost any bytes are a length, so it is no proof that the lengths lead from one frame to the next. The content of the
frames is better evidence: JSON, text without control characters, protobuf. For other binary frames, the probability
that random bytes would lead through as many frames decides. Must not know delimiters.

Use: `counted(b"\\0\\0\\0\\x05hello\\0\\0\\0\\x02ok")` -> a Guess with the framing `length:4be`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bridge.link.recogniser.guess import Guess
from bridge.link.recogniser.json_values import is_structured

__all__ = ["counted"]

_MOST_FRAMES = 1000
_LONGEST = 16 << 20  # bytes; a length over this is none
_SURE = 12.0  # bits of evidence, a chance of less than 1 in 4,000, if the content of the frames speaks for it too
_SURE_OF_BINARY = 32.0  # bits of evidence that are needed if only the lengths speak for it
_ZEROS = 5  # at most one in so many bytes of binary frames may be zero
_NO_TEXT = re.compile(rb"[\0-\x08\x0b\x0c\x0e-\x1f\x7f]")

_Header = tuple[int, int]  # where the frame starts, and its size
_Reads = Callable[[bytes, int], _Header | None]


@dataclass(frozen=True, slots=True)
class _Kind:
    """One way to write a length. `framing` None: the bridge has no such framing."""

    framing: str | None
    looks: str
    read: _Reads
    width: int  # bytes of a length; 1 for varints


@dataclass(frozen=True, slots=True)
class _Walk:
    """The complete frames that the lengths lead through, and the headers before them."""

    frames: list[bytes]
    headers: list[bytes]
    rest: int  # bytes after the last whole frame


def counted(data: bytes) -> Guess | None:
    """Guess the kind of lengths before the frames of a stream; None if nothing speaks for one."""
    for framing, looks, pattern, after in _WRITTEN:
        if _written(pattern, after, data):
            return Guess("framing", looks, framing)
    best: tuple[float, Guess] | None = None
    for kind in _KINDS:
        walk = _walk(kind, data)
        if walk is None or not walk.frames:
            continue
        bits, is_json = _convinces(kind, walk, len(data))
        if bits and (best is None or bits > best[0]):
            best = bits, Guess("framing", kind.looks, kind.framing, is_json)
    return best[1] if best else None


def _walk(kind: _Kind, data: bytes) -> _Walk | None:
    """Follow the lengths from frame to frame to the end; None if they lead nowhere."""
    frames, headers, at = list[bytes](), list[bytes](), 0
    while at < len(data) and len(frames) < _MOST_FRAMES:
        header = kind.read(data, at)
        if header is None:  # cut off by the end
            break
        start, size = header
        if not 0 <= size <= _LONGEST:
            return None
        if start + size > len(data):
            break
        headers.append(data[at:start])
        frames.append(data[start : start + size])
        at = start + size
    empty = sum(not frame for frame in frames)
    return None if empty * 3 > len(frames) else _Walk(frames, headers, len(data) - at)


def _convinces(kind: _Kind, walk: _Walk, size: int) -> tuple[float, bool]:
    """Return the bits of evidence, 0 if they are too few, and whether the frames are JSON."""
    full = [frame for frame in walk.frames if frame]
    if kind.framing is None and len(full) < 2:
        return 0.0, False  # one frame may end with the data by chance
    if all(map(is_structured, full)):
        return 1000.0 + 20 * len(full) + kind.width, True
    if not any(map(_NO_TEXT.search, full)) and all(map(_is_text, full)):
        bits = _bits_of_text(kind, walk, size)
        return (bits if bits >= _SURE else 0.0), False
    if kind.framing is None or len(set(full)) < max(3, len(full) // 4):
        return 0.0, False  # binary data that repeats itself fits many kinds of lengths
    if _ZEROS * sum([frame.count(0) for frame in full]) > size:
        return 0.0, False  # small numbers, each of which could be a length
    bits = _bits_of_lengths(kind.width, walk, size)
    if all(map(_is_protobuf, full)):
        bits += sum([min(8.0, len(frame)) for frame in full]) / 2
        return (bits if bits >= _SURE_OF_BINARY else 0.0), False
    return (bits if kind.width > 1 and bits >= _SURE_OF_BINARY else 0.0), False


def _bits_of_text(kind: _Kind, walk: _Walk, size: int) -> float:
    """Return the bits of evidence for text frames: control characters occur, but only where lengths have to be."""
    telling = sum([len(_NO_TEXT.findall(header)) for header in walk.headers])
    if kind.width > 1 and telling < len(walk.headers):
        return 0.0
    exact = 6.0 if not walk.rest else 0.0
    return telling * max(3.0, math.log2(size / len(walk.headers))) + exact


def _bits_of_lengths(width: int, walk: _Walk, size: int) -> float:
    """Return how improbable it is, in bits, that random lengths lead through so many frames in so many bytes.

    Their sum has to be that small; the probability of that is (size / 256**width)**n / n!.
    """
    count = sum([1 for frame in walk.frames if frame])
    return count * (8.0 * width - math.log2(size)) + math.lgamma(count + 1) / math.log(2)


def _is_text(frame: bytes) -> bool:
    try:
        frame.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_protobuf(frame: bytes) -> bool:
    """Tell whether the frame consists of fields of protobuf's wire format, to the last byte."""
    at = 0
    while at < len(frame):
        tag = _varint(frame, at)
        if tag is None or not tag[1] >> 3:
            return False
        at, kind = tag[0], tag[1] & 7
        if kind in (0, 2):
            value = _varint(frame, at)
            if value is None:
                return False
            at = value[0] + (value[1] if kind == 2 else 0)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            return False
    return at == len(frame)


def _varint(data: bytes, at: int) -> tuple[int, int] | None:
    """Return where the varint at `at` ends, and its value; None if it does not end."""
    value = 0
    for index, byte in enumerate(data[at : at + 10]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return at + index + 1, value
    return None


def _read_varint(data: bytes, at: int) -> _Header | None:
    found = _varint(data, at)
    if found is None:
        return (at, -1) if len(data) - at >= 10 else None
    return found


def _fixed(width: int, order: str, counts_itself: bool) -> _Kind:
    little = order == "le"

    def read(data: bytes, at: int) -> _Header | None:
        start = at + width
        if start > len(data):
            return None
        size = int.from_bytes(data[at:start], "little" if little else "big")
        return start, size - (width if counts_itself else 0)

    words = f"a length of {width} {'bytes' if width > 1 else 'byte'} before each frame"
    if width > 1:
        words += ", the lowest byte first" if little else ", the highest byte first"
    known = width != 3 and not counts_itself
    framing = f"length:{width}{order if width > 1 else ''}" if known else None
    return _Kind(framing, words + (", that counts itself" if counts_itself else ""), read, width)


def _kinds() -> Iterator[_Kind]:
    """Yield the kinds of lengths. Of two that fit equally well, the first one is taken."""
    for width in (8, 4, 2, 3):
        for order in ("be", "le"):
            yield from (_fixed(width, order, itself) for itself in (False, True))
    yield _fixed(1, "be", False)
    yield _fixed(1, "be", True)
    yield _Kind("varint", "protobuf's varint as the length before each frame", _read_varint, 1)


_KINDS = tuple(_kinds())

_NETSTRING = re.compile(rb"(0|[1-9]\d{0,7}):")
_OCTETS = re.compile(rb"([1-9]\d{0,7}) ")
_FIELD = rb"[\w-]+: ?[^\r\n]{0,200}\r?\n"
_HEADERS = re.compile(rb"(?:%b){0,5}?(?i:content-length): ?(\d{1,8})\r?\n(?:%b){0,5}?\r?\n" % (_FIELD, _FIELD))
_HALF_A_HEADER = re.compile(rb"\d{0,8}\Z|(?:%b){0,5}[\w-]{0,30}(?:: ?[^\r\n]{0,200})?\r?\Z" % _FIELD)

#: Lengths that are written in digits: (the framing, in words, the header before a frame, the bytes after it).
_WRITTEN: list[tuple[str | None, str, re.Pattern[bytes], bytes]] = [
    ("netstring", "netstrings: digits, a colon, the frame, a comma", _NETSTRING, b","),
    (None, "octet counting (RFC 6587): digits, a space, the frame", _OCTETS, b""),
    (None, "Content-Length headers before each frame", _HEADERS, b""),
]


def _written(pattern: re.Pattern[bytes], after: bytes, data: bytes) -> bool:
    """Tell whether frames with lengths in digits follow one another to the end."""
    frames, at = list[bytes](), 0
    while at < len(data) and len(frames) < _MOST_FRAMES:
        header = pattern.match(data, at)
        if header is None:
            if not _HALF_A_HEADER.match(data, at):
                return False
            break
        end = header.end() + int(header[1])
        if end + len(after) > len(data):
            break
        if data[end : end + len(after)] != after:
            return False
        frames.append(data[header.end() : end])
        at = end + len(after)
    if pattern is _OCTETS:  # two numbers with a space between look the same
        return len(frames) >= 3 and any(map(_HAS_LETTERS.search, frames))
    return any(len(frame) > 1 for frame in frames)


_HAS_LETTERS = re.compile(rb"[A-Za-z]{2}|[<{\[\x80-\xff]")
