"""Decode frames to messages and encode messages to frames: UTF-8, JSON, escaping. Sans-IO.

Must not know framings beyond the characters that JSON text has to do without.

Use: `parse(b'{"a":1}')` -> {"a": 1}; `JsonEncoder([(b"~", b"\\u007e")]).encode("a~")` -> b'"a\\u007e"'.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any, NoReturn

import orjson

from bridge.errors import BridgeError, Refused

__all__ = [
    "BOM", "JsonEncoder", "NotJson", "TooDeep", "bare", "fault", "parse", "parse_exact", "parse_lenient", "to_text",
    "without_bom",
]  # fmt: skip

#: The byte order mark in UTF-8, with which some servers begin their streams, for example .NET's StreamWriter.
BOM = b"\xef\xbb\xbf"

#: Characters that may stand around a value: white space, and the NUL that ends a string in C.
_AROUND = " \t\n\r\0"
_AROUND_BYTES = _AROUND.encode()

#: How bytes are written, and keys of clients' that look like it.
_BINARY, _TYPED = b'_binary"', re.compile(r"_+binary")

_ALWAYS_FINITE = frozenset((str, int, bool, type(None)))


class NotJson(BridgeError):
    """This is no JSON text (RFC 8259)."""

    code = "not-json"


class TooDeep(NotJson):
    """This may be JSON, but it is nested deeper than it can be read (about a thousand levels)."""


def to_text(frame: bytes) -> tuple[str, bool]:
    """Decode a frame as text: (text, whether bytes that are not UTF-8 were replaced by U+FFFD)."""
    try:
        return frame.decode(), False
    except UnicodeDecodeError:
        return frame.decode(errors="replace"), True


def without_bom(frame: bytes) -> bytes:
    """Remove the byte order marks at the start of a frame."""
    while frame.startswith(BOM):
        frame = frame[len(BOM) :]
    return frame


def bare(frame: bytes) -> bytes:
    """Remove white space, NULs and byte order marks around the value of a frame."""
    stripped = frame.strip(_AROUND_BYTES)
    while stripped.startswith(BOM):
        stripped = stripped[len(BOM) :].lstrip(_AROUND_BYTES)
    return stripped


def parse(frame: bytes) -> Any:
    """Parse strict JSON in UTF-8 (RFC 8259). Raises NotJson, for NaN and Infinity too, and TooDeep.

    The last of duplicate keys counts. A number that is too large becomes the nearest float, as in a browser: 1e400
    becomes infinity, and an integer of more than 64 bits may lose its last digits.
    """
    try:
        return orjson.loads(frame)
    except ValueError:
        # orjson refuses some of what is JSON: 1e400, halves of surrogate pairs such as "\\ud800", a thousand levels.
        return _loads(frame, parse_constant=_no_constant)


def parse_lenient(text: str) -> Any:
    """Parse text leniently: NaN, Infinity, raw control characters in strings, and NULs and byte order marks around the
    value are accepted. Raises NotJson, TooDeep.

    It is for finding keys in text that is passed on unread otherwise.
    """
    try:
        return orjson.loads(text)
    except ValueError:
        return _loads(_bare_text(text), strict=False)


def parse_exact(text: str) -> Any:
    """Parse as `parse_lenient` does, with numbers as Decimals of exactly what is written. Raises NotJson, TooDeep."""
    return _loads(_bare_text(text), strict=False, parse_int=Decimal, parse_float=Decimal)


def fault(frame: bytes) -> str:
    """Say why `parse_lenient` can't read this frame, and at which byte; for the log."""
    text = frame.decode(errors="surrogateescape")  # so that each byte that is no UTF-8 is still one byte
    before = len(text) - len(text.lstrip(_AROUND + "\ufeff"))
    try:
        json.loads(_bare_text(text), strict=False, parse_int=_integer)
    except RecursionError:
        return "nested too deeply to be read"
    except json.JSONDecodeError as error:
        at = len(text[: before + error.pos].encode(errors="surrogateescape"))
        return f"{error.msg[:1].lower()}{error.msg[1:]}, at byte {at}"
    except ValueError as error:
        return str(error)
    return "not UTF-8 where it names its user"


def _bare_text(text: str) -> str:
    return text.strip(_AROUND + "\ufeff")


def _loads(source: bytes | str, **options: Any) -> Any:
    try:
        text = source if isinstance(source, str) else source.decode()  # json.loads would take UTF-16, too
        return json.loads(text, **{"parse_int": _integer, **options})
    except RecursionError:
        raise TooDeep("nested too deeply to be read") from None
    except ValueError as error:
        raise NotJson(str(error)) from None


def _integer(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:  # over 4300 digits, which Python refuses because they take quadratic time
        return float(digits)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


class JsonEncoder:
    """Writes values as compact JSON in UTF-8. `escapes`: see framing.interface.Encoder."""

    def __init__(self, escapes: Sequence[tuple[bytes, bytes]] = ()) -> None:
        self._escapes = tuple(escapes)
        self._marks = (b"null", *(mark for mark, _ in escapes))

    def encode(self, value: object) -> bytes:
        """Write a value as JSON. Bytes anywhere in it become {"_binary": base64}.

        Raises Refused("not-json") for what JSON can't say: NaN, Infinity, keys that are no strings, other types.
        """
        try:
            text = self._dumps(value)
        except (TypeError, ValueError, RecursionError) as error:
            raise Refused("not-json", f"this can't be written as JSON: {error}") from None
        for mark, instead in self._escapes:
            text = text.replace(mark, instead)
        return text

    def encode_many(self, values: Sequence[object]) -> list[bytes]:
        """Write each value as `encode` does, in a third of the time. Raises Refused if one can't be written.

        The values are clients': a key `_binary` that one has typed gets one more underscore in front, so that it is not
        taken for bytes.
        """
        try:
            texts = [orjson.dumps(value, default=_binary) for value in values]
        except (TypeError, ValueError, RecursionError):
            texts = []
        joined = b"".join(texts)
        if not texts or _BINARY in joined:
            try:
                values = [_typed_apart(value) for value in values]
            except RecursionError:
                raise Refused("not-json", "this can't be written as JSON: it is nested too deeply") from None
        elif not any(mark in joined for mark in self._marks):  # no escape, and no null that was NaN
            return texts
        return [self.encode(value) for value in values]

    def _dumps(self, value: object) -> bytes:
        try:
            text = orjson.dumps(value, default=_binary)
        except TypeError:
            return _dumps_anything(value)
        # orjson writes null for NaN and Infinity, and a silently wrong number would be the worst outcome.
        if b"null" in text:
            _check_finite(value)
        return text


def _dumps_anything(value: object) -> bytes:
    """Write what orjson refuses: integers over 64 bits, and halves of surrogate pairs, which become \\uXXXX."""
    _check_keys(value)
    options: dict[str, Any] = {"separators": (",", ":"), "allow_nan": False, "default": _binary}
    try:
        return json.dumps(value, ensure_ascii=False, **options).encode()
    except UnicodeEncodeError:
        return json.dumps(value, **options).encode()


def _typed_apart(value: Any) -> Any:
    """Return the value with one more underscore in front of each key that looks as if the bridge had written it."""
    if isinstance(value, dict):  # by map(), so that each level is one frame: there can be hundreds
        return dict(zip(map(_typed_key, value), map(_typed_apart, value.values()), strict=True))
    return list(map(_typed_apart, value)) if isinstance(value, list) else value


def _typed_key(key: Any) -> Any:
    return "_" + key if isinstance(key, str) and _TYPED.fullmatch(key) else key


def _binary(value: object) -> dict[str, str]:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"_binary": base64.b64encode(bytes(value)).decode()}
    raise TypeError(f"a {type(value).__name__} is no JSON")


def _check_finite(value: object) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no JSON number")
    for item in _items(value):
        if type(item) not in _ALWAYS_FINITE:  # nearly all are, and this check costs less than a call
            _check_finite(item)


def _check_keys(value: object) -> None:
    if isinstance(value, dict) and not all(isinstance(key, str) for key in value):
        raise TypeError("the keys of a JSON object are strings")
    for item in _items(value):
        _check_keys(item)


def _items(value: object) -> Any:
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, (list, tuple)):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return (getattr(value, each.name) for each in fields(value))
    return ()
