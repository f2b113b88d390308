"""Recognise the delimiter in a stream of text that is no JSON.

A control character is good evidence: text has none but white space, so somebody put it there. Punctuation is evidence
only where it is the only one of its kind. Must not know JSON, nor lengths before frames.

Use: `delimited(b"move 1 2\\nmove 3 4\\n")` -> a Guess with the framing `\\n`.
"""

from __future__ import annotations

import re
from collections import Counter

from bridge.link.recogniser.encodings import is_utf_8
from bridge.link.recogniser.guess import Guess, spec_of, visible

__all__ = ["delimited"]

_LOOKED_AT = 16 * 1024  # bytes; a stream without a delimiter in so much text has none

_ENDINGS = b"\0\x1e\x04\x03\x17\x1d\x1c\x1f\x0c\n\r\x01\x02\x05\x06\x07\x08\x0b\t"  # the longest ending first
_PUNCTUATION = frozenset(b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_PLAIN = frozenset(b",.:-_=/()'\"?+<>[]{}")  # common in prose, numbers and addresses
_SEPARATORS = frozenset(b"\x1c\x1d\x1e\x1f")  # ASCII's separators, which may also divide a frame into fields
_USUAL = (b"\n", b"\0", b"\x1e", b"\x04", b"\x03", b"\x17")
_STRONG, _WEAK = b"~|^", b";#$!"
_WORD = re.compile(
    rb"(<END>|<EOF>|<EOM>|<EOL>|</END>|\[END\]|\[EOF\]|\[EOM\]|__END__|END|EOF|EOM|EOT|STOP|\|\||~~|;;|##|\$\$|@@|%%)"
)
_LAST_WORD = re.compile(rb"(?:%b|[~|^;#$\0\x03\x04\x17\x1e])\Z" % _WORD.pattern)
_BASE64_LINES = (60, 64, 72, 76)
_BASE64 = re.compile(rb"[A-Za-z0-9+/=_\r-]+")


def delimited(data: bytes) -> Guess | None:
    """Guess the delimiter of a stream of text; None if nothing speaks for one."""
    data = data[:_LOOKED_AT]
    controls = [byte for byte in set(data) if byte < 0x20 or byte == 0x7F]
    if not _is_text(data, controls) or _is_junk(data):
        return None
    if 0x7F in controls or set(controls) - set(_ENDINGS):
        return None
    if controls:
        return _marked(data) or _ended_by_control(data, controls)
    return _ended_by_word(data) or _ended_by_punctuation(data)


def _is_text(data: bytes, controls: list[int]) -> bool:
    """Tell whether the data is text with only few control characters."""
    letters = sum(data.count(byte) for byte in controls if byte not in b"\t\r\n")
    return 3 * letters <= len(data) and (is_utf_8(data) or _is_latin(data))


def _is_latin(data: bytes) -> bool:
    """Tell whether the data is Latin-1: some letters over 0x9f among many of ASCII."""
    high = data.translate(None, bytes(range(0x80)))
    return 4 * len(high) <= len(data) and min(high, default=0xFF) >= 0xA0


def _is_junk(data: bytes) -> bool:
    """Tell whether the data is random printable characters: punctuation is then as frequent as letters."""
    counts = _marks_in(data)
    return len(counts) >= 10 and 5 * sum(counts.values()) > len(data) and max(counts.values()) < 0.3 * counts.total()


def _marks_in(data: bytes) -> Counter[int]:
    return Counter({byte: count for byte, count in Counter(data).items() if byte in _PUNCTUATION})


def _marked(data: bytes) -> Guess | None:
    """Recognise frames between a start and an end mark: STX and ETX, MLLP."""
    start = data[:1]
    if start[0] >= 0x20 or start in b"\t\r\n\0":
        return None
    pieces = data.split(start)[1:]
    whole = pieces[:-1] or pieces
    ends = {re.search(rb"[\0-\x1f]*\Z", piece).group() for piece in whole}  # type: ignore[union-attr]
    if len(ends) != 1 or not (end := ends.pop()) or any(end[:1] in piece[: -len(end)] for piece in whole):
        return None
    if len(pieces) == 1 and (start, end) not in ((b"\x02", b"\x03"), (b"\x0b", b"\x1c\r"), (b"\x01", b"\x04")):
        return None
    return Guess("framing", f"text between the marks {visible(start)} and {visible(end)}")


def _ended_by_control(data: bytes, controls: list[int]) -> Guess | None:
    """Guess the control character that ends frames, together with what always stands beside it."""
    for byte in _ENDINGS:
        if byte not in controls:
            continue
        ending = bytes([byte])
        if byte == 0x0A or not _enough(data, ending):
            ending = b"\n" if b"\n" in data else ending
        if not _enough(data, ending) or data.startswith(ending) or (ending == b"\n" and _is_base64(data)):
            return None
        others = set(controls) - set(b"\t\n\r") - set(ending) - _SEPARATORS
        if others or ending * 2 in data.replace(b"\n\n", b""):
            return None  # lengths before frames look like that
        ending = _widened(data, ending)
        if ending == b"\n" and data.count(ending) == 1 and _WORD.search(data, max(0, len(data) - 10)):
            return None
        looks = "lines" if ending == b"\n" else f"text with {spec_of(ending)} after each frame"
        return Guess("framing", looks + (r", each with \n at its end" if ending == b"\n" else ""), spec_of(ending))
    return None


def _enough(data: bytes, ending: bytes) -> bool:
    """Tell whether the ending occurs often enough: twice, or once at the very end; unusual ones five times."""
    count, usual = data.count(ending), ending in _USUAL
    return count >= (2 if usual or ending == b"\r" else 5) or (count == 1 and data.endswith(ending) and usual)


def _widened(data: bytes, ending: bytes) -> bytes:
    """Extend the ending by what stands before or after each one: `~\\n`, `\\0\\n`, `END\\r\\n`."""
    after = b"\n"
    if ending != after and after in data and data.count(ending + after) == data.count(after) >= data.count(ending) - 1:
        return ending + after
    frames = data.split(ending)[:-1]
    returns = b"\r" if all(frame.endswith(b"\r") for frame in frames) else b""
    before = [frame.removesuffix(returns) for frame in frames]
    if ending == b"\n" and len(before) > 1:
        word = _LAST_WORD.search(before[0], max(0, len(before[0]) - 8))
        if word and all(frame.endswith(word.group()) for frame in before) and _only_there(word.group(), before):
            return word.group() + returns + ending
    return ending


def _only_there(word: bytes, frames: list[bytes]) -> bool:
    return sum(frame.count(word) for frame in frames) == len(frames)


def _is_base64(data: bytes) -> bool:
    """Tell whether the lines are base64 that was broken into lines of one length."""
    lines = data.split(b"\n")
    length = len(lines[0].rstrip(b"\r"))
    return length in _BASE64_LINES and all(_BASE64.fullmatch(line) for line in lines if line)


def _ended_by_word(data: bytes) -> Guess | None:
    """Guess an ending that is a word such as `END`, or doubled punctuation; it has to occur three times."""
    found = _WORD.search(data, 0, 4096)
    if found is None or data.count(found[1]) < 3 or data.startswith(found[1]):
        return None
    spec = spec_of(found[1])
    if not _is_alone(data, found[1]):
        return None
    return Guess("framing", f"text with {spec} after each frame", spec)


def _ended_by_punctuation(data: bytes) -> Guess | None:
    """Guess an ending that is a rare mark, if it occurs several times and no other rare mark does."""
    counts = _marks_in(data)
    strong = [byte for byte in _STRONG if counts[byte]]
    chosen = strong or [byte for byte in _WEAK if counts[byte]]
    if len(chosen) != 1:
        return None
    mark = bytes(chosen)
    enough = 3 if strong else 4
    if counts[chosen[0]] < enough or data.startswith(mark) or mark + mark in data or not _is_alone(data, mark):
        return None
    if not strong and (mark + b" " in data or not data.endswith(mark)):
        return None  # prose has such marks, too
    return Guess("framing", f"text with {spec_of(mark)} after each frame", spec_of(mark))


def _is_alone(data: bytes, mark: bytes) -> bool:
    """Tell whether almost no other mark occurs that might be the delimiter as well."""
    others = set(data.replace(mark, b"")) & _PUNCTUATION - _PLAIN
    return len(others) <= 1 and len(data.replace(mark, b"")) >= 2 * data.count(mark)
