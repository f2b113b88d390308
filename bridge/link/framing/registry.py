"""List every framing, and make decoders and encoders from framing strings. Sans-IO.

One string chooses the framing, for each direction separately: a delimiter (`~`, `\\n`, `END\\r\\n`), `json`,
`length:4be`, `netstring`, `varint`, or `none` (out only); the usual delimiters have names (`newline`, `nul`).
docs/protocol.md has the whole grammar.
Must not know sockets, nor what is in a frame.

Use: `framing_in("~", 1 << 20).feed(b"a~b~c")` -> [b"a", b"b"]; `framing_out("~", 1 << 20).frame(b"a")` -> b"a~".
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from types import MappingProxyType

from bridge.errors import FramingError
from bridge.link.framing.delimiter import AlternativesDecoder, DelimiterDecoder, DelimiterEncoder
from bridge.link.framing.interface import Decoder, Encoder, Framing, FramingSpecError
from bridge.link.framing.json import JsonDecoder
from bridge.link.framing.length_prefix import (
    ByteOrder,
    CountedEncoder,
    LengthDecoder,
    NetstringDecoder,
    VarintDecoder,
    varint,
)  # fmt: skip

__all__ = [
    "DEFAULT_MAX_FRAME", "FRAMINGS", "NAMES",
    "Decoder", "Encoder", "FramingSpecError", "frames_of", "framing_in", "framing_of", "framing_out", "unescape",
]  # fmt: skip

DEFAULT_MAX_FRAME = 1024 * 1024  # bytes; NATS' payload limit

#: The names of the usual delimiters.
NAMES: Mapping[str, bytes] = MappingProxyType(
    {"newline": b"\n", "lines": b"\n", "lf": b"\n", "ndjson": b"\n", "crlf": b"\r\n", "nul": b"\0", "tab": b"\t"}
)
_WORD = re.compile(r"[a-z][a-z0-9:]+\Z")  # a text that looks like a framing's name
_MEANT = {  # names that others use, if similar letters would suggest something else
    "jsonl": "ndjson", "jsonlines": "ndjson", "line": "lines", "eol": "newline", "nl": "newline", "linefeed": "newline",
    "null": "nul", "zero": "nul", "protobuf": "varint", "delimited": "varint", "raw": "none",
}  # fmt: skip
_LENGTH = re.compile(r"length:([1248])(be|le)?\Z")
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.)|\Z)", re.DOTALL)
_ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "0": b"\0", "\\": b"\\"}


class _PlainEncoder(Encoder):
    """Adds nothing to a payload."""

    def __init__(self, max_frame: int, *, separate: bool = False) -> None:
        super().__init__(max_frame)
        self.separate, self.undivided = separate, not separate

    def _wrap(self, payload: bytes) -> bytes:
        return payload


def framing_in(spec: str, max_frame: int = DEFAULT_MAX_FRAME) -> Decoder:
    """Make a decoder for a framing string; `max_frame` in bytes, inclusive, without the framing.

    Raises FramingSpecError.
    """
    framing = framing_of(spec)
    if framing.decoder is None:
        raise FramingSpecError(
            f"without a framing nothing says where a message ends; `{framing.name}` is for --framing-out only"
        )
    return framing.decoder(spec, max_frame)


def frames_of(data: bytes, spec: str) -> list[bytes]:
    """Return the frames that a framing finds in the bytes, of any size, up to the first bytes that are none."""
    try:
        return framing_in(spec, len(data) + 1).feed(data)
    except FramingError as error:
        return error.frames


def framing_out(spec: str, max_frame: int = DEFAULT_MAX_FRAME) -> Encoder:
    """Make an encoder for a framing string. Raises FramingSpecError."""
    framing = framing_of(spec)
    if framing.encoder is None:
        raise FramingSpecError(f"`{framing.name}` is for --framing-in only")
    return framing.encoder(spec, max_frame)


def framing_of(spec: str) -> Framing:
    """Return the framing that a string chooses: a delimiter, if it is no other's."""
    name, colon, _ = spec.partition(":")
    return FRAMINGS.get(name + colon, FRAMINGS["delim:"])


def _delimiter_decoder(spec: str, max_frame: int) -> Decoder:
    delimiters = [_delimiter(text) for text in spec.split(" ")]
    others = [each for each in delimiters if each not in (b"\n", b"\r\n")]
    if b"\n" in delimiters and not set(b"\r\n") & set(b"".join(others)):
        delimiters = [b"\n", *others]  # `\n` takes a `\r` with it, and one delimiter is found faster than several
    if len(delimiters) == 1:
        return DelimiterDecoder(delimiters[0], max_frame)
    return AlternativesDecoder(delimiters, max_frame)


def _delimiter_encoder(spec: str, max_frame: int) -> Encoder:
    if " " in spec:
        raise FramingSpecError(
            f"{spec!r} is more than one delimiter, which is for --framing-in; a space itself is \\x20"
        )
    delimiter = _delimiter(spec)
    try:
        return DelimiterEncoder(delimiter, max_frame)
    except ValueError as error:
        raise FramingSpecError(f"{spec!r} {error}") from None


def _length_decoder(spec: str, max_frame: int) -> Decoder:
    return LengthDecoder(max_frame, *_length(spec))


def _length_encoder(spec: str, max_frame: int) -> Encoder:
    size, order = _length(spec)
    return CountedEncoder(min(max_frame, 256**size - 1), lambda length: length.to_bytes(size, order))


def _length(spec: str) -> tuple[int, ByteOrder]:
    found = _LENGTH.match(spec)
    if not found:
        raise FramingSpecError(
            f"{spec!r} is no length framing: length:1, length:2, length:4 or length:8, with be (default) or le; "
            f"as a delimiter it is delim:{spec}"
        )
    return int(found[1]), "little" if found[2] == "le" else "big"


def _delimiter(text: str) -> bytes:
    """Return the bytes of one delimiter in a framing string."""
    if framing_of(text).name != "delim:":
        raise FramingSpecError(f"{text!r} can't be one of several; as a delimiter it is delim:{text}")
    if text in NAMES:
        return NAMES[text]
    if _WORD.match(text) and not text.startswith("delim:"):
        raise FramingSpecError(_no_word(text))
    text = text.removeprefix("delim:")
    if not text:
        raise FramingSpecError(
            "there is no delimiter; newline, ~, json or length:4 would do, among others. One space separates "
            "alternatives, and a space itself is \\x20"
        )
    try:
        return unescape(text)
    except UnicodeEncodeError:
        raise FramingSpecError(f"{text!r} is not UTF-8; single bytes are written \\xHH") from None


def _no_word(text: str) -> str:
    """Say what is wrong with a word that looks like a framing's name and is none."""
    words = [framing for framing in FRAMINGS.values() if framing.name != "delim:"]
    known = (*NAMES, *(form for framing in words for form in framing.forms))
    near = [_MEANT[text]] if text in _MEANT else difflib.get_close_matches(text, known, n=1)
    meant = f"did you mean {near[0]}? There are" if near else "there are"
    named = ", ".join(
        ("newline (lines, lf, ndjson), crlf, nul, tab", *(framing.word or framing.name for framing in words))
    )
    return f"{text!r} is no framing; {meant} {named}, and delimiters; as a delimiter it is delim:{text}"


def unescape(text: str) -> bytes:
    """Decode a delimiter to bytes: UTF-8, with the escapes `\\n \\r \\t \\0 \\xHH \\\\`."""
    out, at = b"", 0
    for found in _ESCAPE.finditer(text):
        if found[1] is None and found[2] not in _ESCAPES:
            raise FramingSpecError(f"{found[0]!r} in {text!r} is no escape; there are \\n \\r \\t \\0 \\xHH \\\\")
        code = bytes.fromhex(found[1]) if found[1] else _ESCAPES[found[2]]
        out += text[at : found.start()].encode() + code
        at = found.end()
    return out + text[at:].encode()


#: Add new ones at the end: the inputs that fuzzing has kept choose a framing by its index.
_ALL = (
    Framing(
        "delim:", "what stands before the delimiter", b'"hello"~',
        ("~", r"\n", r"END\r\n", r"\n ~ |", r"\r \r\n", "delim:aab delim:aac delim:ba"),
        _delimiter_decoder, _delimiter_encoder,
    ),
    Framing(
        "json", "one JSON value", b'"hello"', ("json",),
        lambda _, max_frame: JsonDecoder(max_frame), lambda _, max_frame: _PlainEncoder(max_frame),
    ),
    Framing(
        "length:", "as many bytes as the unsigned number before it says; `be` is the default", b'\x07"hello"',
        ("length:1", "length:2", "length:2le", "length:4", "length:4be", "length:4le", "length:8", "length:8le"),
        _length_decoder, _length_encoder, "length:1|2|4|8",
    ),
    Framing(
        "netstring", "`5:hello,`, without leading zeros", b'7:"hello",', ("netstring",),
        lambda _, max_frame: NetstringDecoder(max_frame),
        lambda _, max_frame: CountedEncoder(max_frame, lambda length: b"%d:" % length, b","),
    ),
    Framing(
        "varint", "as many bytes as protobuf's varint before it says, of at most 10 bytes", b'\x07"hello"', ("varint",),
        lambda _, max_frame: VarintDecoder(max_frame), lambda _, max_frame: CountedEncoder(max_frame, varint),
    ),
    Framing(
        "none", "one send", b'"hello"', ("none",),
        None, lambda _, max_frame: _PlainEncoder(max_frame, separate=True),
    ),
)  # fmt: skip
#: Framings by name; the name ends with a colon if something follows it.
FRAMINGS: Mapping[str, Framing] = MappingProxyType({framing.name: framing for framing in _ALL})
