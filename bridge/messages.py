"""Define what the relay hands to the clients' side: payloads and deliveries.

Both sides share these words, so that neither imports the other.
Must not know Socket.IO's packets, users or sockets.

Use: `Delivery("message", Payload.text("hi"), None)` is "hi" to all clients.
"""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from bridge.errors import Refused

__all__ = ["SEPARATOR", "AsIs", "Delivery", "Payload", "PayloadMode", "Texts"]

#: What joins the texts of a burst: no escape of JSON makes it or changes it, and it is rare.
SEPARATOR = "\x7f"

_PLACEHOLDER = b'{"_placeholder":true,"num":0}'


class PayloadMode(enum.Enum):
    """As what the server's frames go to the clients."""

    TEXT = "text"
    JSON = "json"
    BYTES = "bytes"


class AsIs(bytes):
    """A message for the server to which nothing may be added: text or bytes that a handler returned."""


@dataclass(frozen=True, slots=True)
class Payload:
    """One argument of an event: JSON text, and the binary attachments that it refers to.

    The form is Socket.IO's (socket.io-protocol 5, "Sending binary"): in place of the n-th
    binary stands {"_placeholder": true, "num": n}.
    """

    json: bytes
    attachments: tuple[bytes, ...] = ()

    @classmethod
    def text(cls, text: str) -> Payload:
        """Make a payload of a string, unchanged."""
        return cls(orjson.dumps(text))

    @classmethod
    def verbatim(cls, text: bytes) -> Payload:
        """Make a payload of JSON text that has been validated; it is spliced in as it is."""
        return cls(text)

    @classmethod
    def binary(cls, data: bytes) -> Payload:
        """Make a payload of bytes, which arrive as an ArrayBuffer or Buffer."""
        return cls(_PLACEHOLDER, (data,))

    @classmethod
    def own(cls, value: dict[str, object]) -> Payload:
        """Make a payload of the bridge's own, in which there are neither bytes nor NaN: at half the cost of `of`."""
        return cls(_dumps(value))

    @classmethod
    def of(cls, value: object) -> Payload:
        """Make a payload of any value that a handler emits; bytes may be anywhere in it.

        NaN and Infinity become null, as JavaScript's JSON.stringify has it.
        Raises Refused("not-json") for what neither JSON nor binary can carry.
        """
        attachments: list[bytes] = []
        try:
            return cls(_dumps(_take_out(value, attachments)), tuple(attachments))
        except (TypeError, ValueError, RecursionError) as error:
            raise Refused("not-json", f"this can't be emitted: {error}") from None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for some clients.

    `to`: the clients' sids, or None for all connected ones; `users`: the users that were named, if any.
    """

    event: str
    payload: Payload
    to: tuple[str, ...] | None = None
    users: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts of a burst, each the one argument of the same event. Most bursts are of this kind.

    `frames`: the texts in UTF-8; `joined`: the same as one string with SEPARATOR between (a frame may contain it too).
    `to`: for each text its clients' sids, or None for all clients; `to` None: all texts are for all clients.
    `apart`: no text is for all clients.
    """

    event: str
    frames: Sequence[bytes]
    joined: str
    to: Sequence[tuple[str, ...] | None] | None = None
    apart: bool = False


def _take_out(value: object, attachments: list[bytes]) -> object:
    if isinstance(value, (bytes, bytearray, memoryview)):
        attachments.append(bytes(value))
        return {"_placeholder": True, "num": len(attachments) - 1}
    if isinstance(value, dict):
        return {key: _take_out(item, attachments) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_take_out(item, attachments) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None  # orjson would write null too, json.dumps would not
    return value


def _dumps(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # integers over 64 bits, keys that are no strings
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
