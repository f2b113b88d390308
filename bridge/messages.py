"""What travels between the relay and the clients' side: payloads and deliveries.

The vocabulary that the two sides share, so that neither imports the other.
Must not know Socket.IO's packets, users or sockets.

Use: `Delivery("message", Payload.text("hi"), None)` is "hi" to all clients.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from bridge.errors import Refused

__all__ = ["SEPARATOR", "AsIs", "Delivery", "Payload", "Texts"]

#: What joins the texts of a burst: no escape of JSON makes it or changes it, and it is rare.
SEPARATOR = "\x7f"

_PLACEHOLDER = b'{"_placeholder":true,"num":0}'


class AsIs(bytes):
    """A message for the server that nothing may be added to: text or bytes of a handler's."""


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
        """A string, unchanged."""
        return cls(orjson.dumps(text))

    @classmethod
    def verbatim(cls, text: bytes) -> Payload:
        """JSON text that has been validated, spliced in as it is."""
        return cls(text)

    @classmethod
    def binary(cls, data: bytes) -> Payload:
        """Bytes, which arrive as an ArrayBuffer or Buffer."""
        return cls(_PLACEHOLDER, (data,))

    @classmethod
    def of(cls, value: object) -> Payload:
        """Any value that a handler emits; bytes may be anywhere in it.

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
    """One event for some clients. `to`: their sids, or None for all connected ones; `users`: whose they are, as far
    as users were named."""

    event: str
    payload: Payload
    to: tuple[str, ...] | None = None
    users: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts of a burst, each the one argument of the same event: what most bursts are.

    `frames`: in UTF-8; `joined`: the same, as one text with SEPARATOR between, which may be in a frame, too.
    `to`: for each its clients' sids, or None for all; None alone: each is for all. `apart`: none of `to` is None.
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
