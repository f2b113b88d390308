"""Read the value of one key in many frames: routing needs nothing else of most messages. Sans-IO.

Must not know what the key means.

Use: `JsonKeyReader("username")([b'{"username":"ann","x":1}', b"[2]"])` -> ["ann", MISSING].
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import msgspec
import orjson

__all__ = ["MISSING", "JsonKeyReader", "all_whole"]

MISSING = msgspec.UNSET

_value = attrgetter("value")
_raw = msgspec.json.Decoder(msgspec.Raw).decode  # checks the whole text without making objects

# Stands between frames that are parsed together. Nobody can guess it, so no frame can pass for two, nor two for one.
_BETWEEN = secrets.randbits(60) | 1 << 59
_JOINT = b",%d," % _BETWEEN


class JsonKeyReader:
    """Reads the values of one key. Frames have to be UTF-8."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._strings = _strings_under(key)

    def __call__(self, frames: Sequence[bytes]) -> list[object]:
        """Return the value in each frame, or MISSING if it has none or is no object.

        Raises ValueError if a frame is no JSON, or none that orjson reads.
        """
        if self._strings is not None:
            try:
                return list(map(_value, map(self._strings, frames)))
            except (msgspec.MsgspecError, RecursionError):
                pass  # some frame is no object, or its value no string, or it is no JSON; find out below
        key = self._key
        return [value.get(key, MISSING) if type(value) is dict else MISSING for value in _values(frames)]


def all_whole(frames: Sequence[bytes]) -> bool:
    """Tell whether each frame is exactly one JSON value. Frames have to be UTF-8."""
    try:
        for _ in map(_raw, frames):
            pass
    except (msgspec.MsgspecError, RecursionError):
        return False
    return True


def _strings_under(key: str) -> Callable[[bytes], object] | None:
    """Make a decoder of JSON objects whose results have the string or null under the key as `value`.

    The rest of an object is checked, but no Python objects are made of it, which takes a third of the time. Returns
    None if msgspec can't look for this key.
    """
    field = ("value", str | None | msgspec.UnsetType, MISSING)
    try:
        shape = msgspec.defstruct("Keyed", [field], rename={"value": key}, gc=False)
    except ValueError:  # it has a control character, a quote or a backslash
        return None
    return msgspec.json.Decoder(shape).decode


def _values(frames: Sequence[bytes]) -> list[Any]:
    """Return the value of each frame. Raises ValueError if a frame is not exactly one value."""
    values: list[Any] = orjson.loads(b"[" + _JOINT.join(frames) + b"]")
    if len(values) != 2 * len(frames) - 1 or values[1::2].count(_BETWEEN) != len(frames) - 1:
        raise ValueError("a frame is not one value")
    return values[::2]
