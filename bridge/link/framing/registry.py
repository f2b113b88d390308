"""Bytes to frames and frames to bytes, for every framing there is. Sans-IO.

One string chooses the framing, for each direction on its own: a delimiter (`~`, `\\n`, `END\\r\\n`), `json`,
`length:4be`, `netstring`, `varint`, or `none` (out only); the usual delimiters have names (`newline`, `nul`).
docs/protocol.md has the whole grammar.
Must not know sockets, nor what is in a frame.

Use: `framing_in("~", 1 << 20).feed(b"a~b~c")` -> [b"a", b"b"]; `framing_out("~", 1 << 20).frame(b"a")` -> b"a~".
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from bridge.errors import FrameTooBig, Refused
from bridge.link.framing.delimiter import AlternativesDecoder, DelimiterDecoder, escape_for
from bridge.link.framing.json import JsonDecoder
from bridge.link.framing.length_prefix import ByteOrder, LengthDecoder, NetstringDecoder, VarintDecoder, varint

__all__ = [
    "DEFAULT_MAX_FRAME", "NAMES", "Decoder", "Encoder", "FramingSpecError", "framing_in", "framing_out", "unescape",
]  # fmt: skip

DEFAULT_MAX_FRAME = 1024 * 1024  # bytes; NATS' payload limit

#: What the usual delimiters are called.
NAMES: Mapping[str, bytes] = MappingProxyType(
    {"newline": b"\n", "lines": b"\n", "lf": b"\n", "ndjson": b"\n", "crlf": b"\r\n", "nul": b"\0", "tab": b"\t"}
)
_WORDS = frozenset(("json", "netstring", "varint", "none"))
_WORD = re.compile(r"[a-z][a-z0-9:]+\Z")  # what looks like one of them
_KNOWN = (*NAMES, "json", "length:1", "length:2", "length:4", "length:8", "netstring", "varint", "none")
_MEANT = {  # what others call it, where its letters lead elsewhere
    "jsonl": "ndjson", "jsonlines": "ndjson", "line": "lines", "eol": "newline", "nl": "newline", "linefeed": "newline",
    "null": "nul", "zero": "nul", "protobuf": "varint", "delimited": "varint", "raw": "none",
}  # fmt: skip
_LENGTH = re.compile(r"length:([1248])(be|le)?\Z")
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.)|\Z)", re.DOTALL)
_ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "0": b"\0", "\\": b"\\"}


class FramingSpecError(ValueError):
    """A framing string that can't be used; the text says what would do."""


class Decoder(Protocol):
    """Bytes in, frames out. One decoder is for one connection.

    `skipped`: frames over the limit that were passed over, for the caller to take away
    (delimiter framings only; the others can't find the next frame and raise).
    """

    skipped: list[FrameTooBig]

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that these bytes completed, in order, whatever the chunking.

        Raises FrameTooBig or BadFrame, whose `frames` were complete before; then the decoder is used up.
        """

    def eof(self) -> list[bytes]:
        """The frames that the end completes. Raises TruncatedFrame inside a frame."""


class Encoder:
    """Adds the framing to a frame.

    `escape`: (a byte string, what JSON text has in its place) if the delimiter could occur in a JSON
    string, else None. `separate`: each frame has to be sent by itself, as nothing marks its end.
    """

    def __init__(
        self,
        wrap: Callable[[bytes], bytes],
        max_frame: int,
        delimiter: bytes = b"",
        escape: tuple[bytes, bytes] | None = None,
        separate: bool = False,
    ) -> None:
        self._wrap, self._max, self._delimiter = wrap, max_frame, delimiter
        self.escape, self.separate = escape, separate

    def frame(self, payload: bytes) -> bytes:
        """The payload with its framing. Raises Refused: too-big, delimiter-in-frame."""
        if len(payload) > self._max:
            raise Refused("too-big", f"{len(payload)} bytes are over the frame limit of {self._max}")
        framed = self._wrap(payload)
        # Not `in payload`: with the delimiter `~~`, the frame `a~` would be cut one byte early.
        if self._delimiter and framed.find(self._delimiter) != len(payload):
            raise Refused("delimiter-in-frame", f"the frame contains the delimiter {self._delimiter!r}")
        return framed

    def frames(self, payloads: Sequence[bytes]) -> bytes:
        """All of them with their framing, one after the other. Raises Refused as `frame` does."""
        if self._delimiter and max(map(len, payloads)) <= self._max:
            joined = self._delimiter.join([*payloads, b""])
            if joined.count(self._delimiter) == len(payloads) and len(self._delimiter) == 1:
                return joined
        return b"".join([self.frame(payload) for payload in payloads])


def framing_in(spec: str, max_frame: int = DEFAULT_MAX_FRAME) -> Decoder:
    """A decoder for a framing string; `max_frame` in bytes, inclusive, without the framing.

    Raises FramingSpecError.
    """
    if spec == "none":
        raise FramingSpecError("without a framing nothing says where a message ends; `none` is for --framing-out only")
    if spec == "json":
        return JsonDecoder(max_frame)
    if spec == "netstring":
        return NetstringDecoder(max_frame)
    if spec == "varint":
        return VarintDecoder(max_frame)
    if spec.startswith("length:"):
        return LengthDecoder(max_frame, *_length(spec))
    delimiters = [_delimiter(text) for text in spec.split(" ")]
    others = [each for each in delimiters if each not in (b"\n", b"\r\n")]
    if b"\n" in delimiters and not set(b"\r\n") & set(b"".join(others)):
        delimiters = [b"\n", *others]  # which takes a \r with it; one delimiter is found faster than several
    if len(delimiters) == 1:
        return DelimiterDecoder(delimiters[0], max_frame)
    return AlternativesDecoder(delimiters, max_frame)


def framing_out(spec: str, max_frame: int = DEFAULT_MAX_FRAME) -> Encoder:
    """An encoder for a framing string. Raises FramingSpecError."""
    if spec in ("json", "none"):
        return Encoder(bytes, max_frame, separate=spec == "none")
    if spec == "netstring":
        return Encoder(lambda payload: b"%d:%b," % (len(payload), payload), max_frame)
    if spec == "varint":
        return Encoder(lambda payload: varint(len(payload)) + payload, max_frame)
    if spec.startswith("length:"):
        size, order = _length(spec)
        largest = min(max_frame, 256**size - 1)
        return Encoder(lambda payload: len(payload).to_bytes(size, order) + payload, largest)
    if " " in spec:
        raise FramingSpecError(
            f"{spec!r} is more than one delimiter, which is for --framing-in; a space itself is \\x20"
        )
    delimiter = _delimiter(spec)
    try:
        escape = escape_for(delimiter)
    except ValueError as error:
        raise FramingSpecError(f"{spec!r} {error}") from None
    return Encoder(lambda payload: payload + delimiter, max_frame, delimiter, escape)


def _length(spec: str) -> tuple[int, ByteOrder]:
    found = _LENGTH.match(spec)
    if not found:
        raise FramingSpecError(
            f"{spec!r} is no length framing: length:1, length:2, length:4 or length:8, with be (default) or le; "
            f"as a delimiter it is delim:{spec}"
        )
    return int(found[1]), "little" if found[2] == "le" else "big"


def _delimiter(text: str) -> bytes:
    """The bytes of one delimiter as it stands in a framing string."""
    if text in _WORDS:
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
    """What to say of a word that looks like a framing's and is none."""
    near = [_MEANT[text]] if text in _MEANT else difflib.get_close_matches(text, _KNOWN, n=1)
    meant = f"did you mean {near[0]}? There are" if near else "there are"
    words = "newline (lines, lf, ndjson), crlf, nul, tab, json, length:1|2|4|8, netstring, varint, none"
    return f"{text!r} is no framing; {meant} {words}, and delimiters; as a delimiter it is delim:{text}"


def unescape(text: str) -> bytes:
    """A delimiter's bytes: UTF-8, with `\\n \\r \\t \\0 \\xHH \\\\` decoded."""
    out, at = b"", 0
    for found in _ESCAPE.finditer(text):
        if found[1] is None and found[2] not in _ESCAPES:
            raise FramingSpecError(f"{found[0]!r} in {text!r} is no escape; there are \\n \\r \\t \\0 \\xHH \\\\")
        code = bytes.fromhex(found[1]) if found[1] else _ESCAPES[found[2]]
        out += text[at : found.start()].encode() + code
        at = found.end()
    return out + text[at:].encode()
