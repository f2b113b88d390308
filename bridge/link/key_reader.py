"""What many frames say under one key: all that routing needs of most messages. Sans-IO.

Must not know what the key means.

Use: `KeyReader("username")([b'{"username":"ann","x":1}', b"[2]"])` -> ["ann", MISSING].
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import msgspec
import orjson

__all__ = ["MISSING", "KeyReader", "all_whole"]

MISSING = msgspec.UNSET

_value = attrgetter("value")
_raw = msgspec.json.Decoder(msgspec.Raw).decode  # checks all of it and makes nothing

# Stands between frames that are read together. Nobody can know it, so no frame can pass for two, nor two for one.
_BETWEEN = secrets.randbits(60) | 1 << 59
_JOINT = b",%d," % _BETWEEN


class KeyReader:
    """Reads the values of one key. Frames have to be UTF-8."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._strings = _strings_under(key)

    def __call__(self, frames: Sequence[bytes]) -> list[object]:
        """For each frame its value, or MISSING if it has none or is no object. Raises ValueError if one is not JSON,
        or not what orjson reads."""
        if self._strings is not None:
            try:
                return list(map(_value, map(self._strings, frames)))
            except (msgspec.MsgspecError, RecursionError):
                pass  # some are no objects, or their values no strings, or this is not JSON: see which
        key = self._key
        return [value.get(key, MISSING) if type(value) is dict else MISSING for value in _values(frames)]


def all_whole(frames: Sequence[bytes]) -> bool:
    """Whether each of these is one JSON value, and nothing more. Frames have to be UTF-8."""
    try:
        for _ in map(_raw, frames):
            pass
    except (msgspec.MsgspecError, RecursionError):
        return False
    return True


def _strings_under(key: str) -> Callable[[bytes], object] | None:
    """Makes of a JSON object one that has the string or null under this key, if it has it, as `value`; what else it has
    is checked but not made, which takes a third of the time. None if the key can't be looked for so."""
    field = ("value", str | None | msgspec.UnsetType, MISSING)
    try:
        shape = msgspec.defstruct("Keyed", [field], rename={"value": key}, gc=False)
    except ValueError:  # it has a control character, a quote or a backslash
        return None
    return msgspec.json.Decoder(shape).decode


def _values(frames: Sequence[bytes]) -> list[Any]:
    """The values of all. Raises ValueError if a frame is not just one."""
    values: list[Any] = orjson.loads(b"[" + _JOINT.join(frames) + b"]")
    if len(values) != 2 * len(frames) - 1 or values[1::2].count(_BETWEEN) != len(frames) - 1:
        raise ValueError("a frame is not one value")
    return values[::2]
