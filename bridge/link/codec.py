"""Frames to messages and messages to frames: UTF-8, JSON, escaping. Sans-IO.

Must not know framings beyond the one character that JSON text has to do without.

Use: `parse(b'{"a":1}')` -> {"a": 1}; `JsonEncoder((b"~", b"\\u007e")).encode("a~")` -> b'"a\\u007e"'.
"""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import orjson

from bridge.errors import BridgeError, Refused

__all__ = ["JsonEncoder", "NotJson", "TooDeep", "parse", "parse_lenient", "to_text"]


class NotJson(BridgeError):
    """This is no JSON text (RFC 8259)."""

    code = "not-json"


class TooDeep(NotJson):
    """This may be JSON, but it is nested deeper than it can be read (about a thousand levels)."""


def to_text(frame: bytes) -> tuple[str, bool]:
    """The frame as text, and whether bytes that are no UTF-8 were replaced by U+FFFD."""
    try:
        return frame.decode(), False
    except UnicodeDecodeError:
        return frame.decode(errors="replace"), True


def parse(frame: bytes) -> Any:
    """The value of strict JSON in UTF-8; of duplicate keys the last. Raises NotJson, NaN and Infinity included."""
    try:
        return orjson.loads(frame)
    except ValueError as error:
        raise NotJson(str(error)) from None


def parse_lenient(text: str) -> Any:
    """As `parse`, but NaN, Infinity and numbers of any size are taken too. Raises NotJson, TooDeep.

    It is for finding keys: integers of any length come as floats.
    """
    try:
        return orjson.loads(text)
    except ValueError:
        pass
    try:
        return json.loads(text, parse_int=float)
    except RecursionError:
        raise TooDeep("nested too deeply to be read") from None
    except ValueError as error:
        raise NotJson(str(error)) from None


class JsonEncoder:
    """Writes values as compact JSON in UTF-8. `escape`: see framing.Encoder."""

    def __init__(self, escape: tuple[bytes, bytes] | None) -> None:
        self._escape = escape

    def encode(self, value: object) -> bytes:
        """The JSON text. Bytes anywhere in the value become {"_binary": base64}.

        Raises Refused("not-json") for what JSON can't say: NaN, Infinity, keys that are no strings, other types.
        """
        try:
            text = self._dumps(value)
        except (TypeError, ValueError, RecursionError) as error:
            raise Refused("not-json", f"this can't be written as JSON: {error}") from None
        return text.replace(*self._escape) if self._escape else text

    def _dumps(self, value: object) -> bytes:
        try:
            text = orjson.dumps(value, default=_binary)
        except TypeError:
            return _dumps_anything(value)
        # orjson writes null for NaN and Infinity; a wrong number in silence is the worst there is.
        if b"null" in text:
            _check_finite(value)
        return text


def _dumps_anything(value: object) -> bytes:
    """What orjson refuses: integers over 64 bits, and halves of surrogate pairs, which leave as \\uXXXX."""
    _check_keys(value)
    options: dict[str, Any] = {"separators": (",", ":"), "allow_nan": False, "default": _binary}
    try:
        return json.dumps(value, ensure_ascii=False, **options).encode()
    except UnicodeEncodeError:
        return json.dumps(value, **options).encode()


def _binary(value: object) -> dict[str, str]:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"_binary": base64.b64encode(value).decode()}
    raise TypeError(f"a {type(value).__name__} is no JSON")


def _check_finite(value: object) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no JSON number")
    for item in _items(value):
        _check_finite(item)


def _check_keys(value: object) -> None:
    if isinstance(value, dict) and not all(isinstance(key, str) for key in value):
        raise TypeError("the keys of a JSON object are strings")
    for item in _items(value):
        _check_keys(item)


def _items(value: object) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, (list, tuple)) else ()
