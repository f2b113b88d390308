"""Recognise what the first bytes of a stream look like, and the framing that fits. Sans-IO.

No guess is better than a wrong one, because people follow it. At most 64 KiB are looked at, each byte a bounded
number of times. Must not know sockets, nor which setting is in use.

Use: `recognise(b'{"a":1}\\n{"a":2}\\n')` -> a Guess whose framing is `\\n`, or None if it can't be told.
"""

from __future__ import annotations

from bridge.link.recogniser.delimiter import delimited
from bridge.link.recogniser.encodings import MARK, encoding
from bridge.link.recogniser.guess import Guess
from bridge.link.recogniser.json_values import is_json, json_stream
from bridge.link.recogniser.length_prefix import counted
from bridge.link.recogniser.protocols import protocol

__all__ = ["LOOKED_AT", "protocol", "recognise"]

LOOKED_AT = 64 * 1024  # bytes


def recognise(data: bytes) -> Guess | None:
    """Guess the protocol, encoding or framing of a stream that begins with these bytes, cut anywhere."""
    data = data[:LOOKED_AT].removeprefix(MARK)
    if not data:
        return None
    found = protocol(data) or encoding(data)
    if found is not None:
        return found
    by_length, by_value = counted(data), json_stream(data)
    if by_length is not None and (by_length.json or by_value is None):
        return by_length
    return by_value or (None if is_json(data) else delimited(data))
