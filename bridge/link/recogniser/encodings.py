"""Recognise text that is not UTF-8.

Must not know framings.

Use: `encoding("{}".encode("utf-16"))` -> a Guess with the code `encoding`; `is_utf_8(b"\\xe9")` -> False.
"""

from __future__ import annotations

from bridge.link.recogniser.guess import Guess

__all__ = ["MARK", "encoding", "is_utf_8"]

MARK = b"\xef\xbb\xbf"  # UTF-8's byte order mark

_FEWEST = 16  # bytes that are needed: with eight, two may be zero by chance
_MARKS = [
    (b"\xff\xfe\0\0", "UTF-32 (little-endian)"),
    (b"\0\0\xfe\xff", "UTF-32 (big-endian)"),
    (b"\xff\xfe", "UTF-16 (little-endian)"),
    (b"\xfe\xff", "UTF-16 (big-endian)"),
]
_PRINTABLE = frozenset((*range(0x20, 0x7F), 0x09, 0x0A, 0x0D))


def encoding(data: bytes) -> Guess | None:
    """Guess the encoding, from a mark at the start or from the zeros between the letters."""
    name = _marked(data) or _wide(data[:2048])
    return Guess("encoding", f"text in {name}, where the bridge reads UTF-8") if name else None


def _marked(data: bytes) -> str:
    for mark, name in _MARKS:
        if data.startswith(mark) and _mostly(data[len(mark) : 2048], 4 if "32" in name else 2, name):
            return name
    return ""


def _mostly(data: bytes, width: int, name: str) -> bool:
    """Tell whether at least half of the characters are Latin letters: binary data may begin with such a mark, too."""
    low = data[width - 1 :: width] if "big" in name else data[::width]
    high = data[::width] if "big" in name else data[width - 1 :: width]
    return len(low) >= 1 and 2 * high.count(0) >= len(high) and 2 * sum(b in _PRINTABLE for b in low) >= len(low)


def _wide(data: bytes) -> str:
    if len(data) < _FEWEST:
        return ""
    for width, name in ((4, "UTF-32"), (2, "UTF-16")):
        lanes = [data[lane::width] for lane in range(width)]
        for low, order in ((0, "little-endian"), (width - 1, "big-endian")):
            others = [lane for index, lane in enumerate(lanes) if index != low]
            if _all(lanes[low], _PRINTABLE) and all(lane.count(0) >= 0.95 * len(lane) for lane in others):
                return f"{name} ({order})"
    return ""


def _all(data: bytes, wanted: frozenset[int]) -> bool:
    return sum(byte in wanted for byte in data) >= 0.95 * len(data)


def is_utf_8(data: bytes) -> bool:
    """Tell whether the bytes are UTF-8, except for a character that the end cuts off."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data" and error.end == len(data)
    return True
