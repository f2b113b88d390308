"""Reads what a client that polls has posted: the body of its request, and the packets in it.

Must not know sessions.

Use: `packets_of(body_of(environ, limit))` -> [(TEXT, b"3"), …].
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from bridge.engineio.packet_types import PROBE, PacketType
from bridge.wire.websocket_frames import BINARY, TEXT

__all__ = ["TooLarge", "body_of", "packets_of"]

_WHITE_SPACE = b" \t\r\n"  # Java's client breaks the lines of base64
_NOT_BY_POLLING = frozenset((PacketType.PING, PROBE, PacketType.UPGRADE, PacketType.NOOP))


class TooLarge(Exception):
    """The body of a POST is over the limit."""


def body_of(environ: dict[str, Any], limit: int) -> bytes:
    """Read the body of a POST, with a length or in chunks. Raises TooLarge, ValueError, BadRequest."""
    chunked = environ.get("wsgi.input_terminated", False)
    length = limit + 1 if chunked else int(environ.get("CONTENT_LENGTH") or 0)
    if length > limit and not chunked:
        raise TooLarge
    body: bytes = environ["wsgi.input"].read(length)
    if len(body) > limit:
        raise TooLarge
    if len(body) < length and not chunked:
        raise ValueError("a POST ended before its end")
    return body


def packets_of(body: bytes) -> list[tuple[int, bytes]]:
    """Split a POST into its packets, as a WebSocket's messages. Raises ValueError."""
    packets = []
    for packet in body.split(b"\x1e"):
        if packet in _NOT_BY_POLLING:
            raise ValueError(f"no client sends {packet!r} by polling")
        if packet[:1] != b"b":
            packets.append((TEXT, packet))
            continue
        try:
            packets.append((BINARY, base64.b64decode(packet[1:].translate(None, _WHITE_SPACE), validate=True)))
        except binascii.Error:
            raise ValueError("a binary packet is not base64") from None
    return packets
