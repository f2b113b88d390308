"""Engine.IO's packets: what they begin with, and those in a POST's body; of Socket.IO's what a session tells apart.

Source: Engine.IO protocol 4, "Packet encoding"; Socket.IO protocol 5, "Packet types". Must not know sessions.

Use: `if data[:1] == PacketType.PONG: …`; `packets_of(body)` -> [(TEXT, b"3"), …].
"""

from __future__ import annotations

import base64
import binascii
import enum
import re
from collections.abc import Iterator

from bridge.wire.segment import AnswerSegment, Segment
from bridge.wire.websocket_frames import BINARY, TEXT, frame

__all__ = [
    "DISCONNECTS", "PACKET", "PROBE", "PROBE_ANSWER", "PacketType", "SocketIOType", "attachments_of", "packets_of",
    "segment_of",
]  # fmt: skip


class PacketType(bytes, enum.Enum):
    """The first byte of an Engine.IO packet, which is a packet by itself but for OPEN and MESSAGE."""

    OPEN = b"0"
    CLOSE = b"1"
    PING = b"2"
    PONG = b"3"
    MESSAGE = b"4"
    UPGRADE = b"5"
    NOOP = b"6"


#: Asked and answered on a WebSocket that is to take the place of polling.
PROBE, PROBE_ANSWER = PacketType.PING + b"probe", PacketType.PONG + b"probe"


class SocketIOType(enum.StrEnum):
    """The first character of a Socket.IO packet, which is an Engine.IO message."""

    CONNECT = "0"
    DISCONNECT = "1"
    EVENT = "2"
    ACK = "3"
    BINARY_EVENT = "5"
    BINARY_ACK = "6"


#: What a client sends: a Socket.IO packet in a message, or one of the short ones: close, ping, pong, upgrade, noop.
PACKET = re.compile(rb"4[0-6]|[12356](?:probe)?\Z")
#: A client's DISCONNECT from the default namespace, as different clients write it.
DISCONNECTS = tuple(SocketIOType.DISCONNECT + namespace for namespace in ("", "/,", "/"))
_UNASKED = ("42", "45")  # events, which a client has not asked for as it has for acks
_ATTACHED = re.compile(rf"[{SocketIOType.BINARY_EVENT}{SocketIOType.BINARY_ACK}]([0-9]{{1,10}})-")

_WHITE_SPACE = b" \t\r\n"  # Java's client breaks the lines of base64
_NOT_BY_POLLING = frozenset((PacketType.PING, PROBE, PacketType.UPGRADE, PacketType.NOOP))


def segment_of(packet: str | bytes) -> Segment:
    """Make what an outbox takes of a packet: all but events is an answer, which its client has asked for."""
    if isinstance(packet, bytes):
        return Segment(frame(packet, BINARY))
    return (Segment if packet.startswith(_UNASKED) else AnswerSegment)(frame(packet.encode()))


def attachments_of(text: str) -> int:
    """Return how many attachments follow a Socket.IO packet, as it says."""
    attached = _ATTACHED.match(text)
    return int(attached[1]) if attached else 0


def packets_of(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the packets of a POST, as a WebSocket's messages: it can have a million. Raises ValueError."""
    at = 0
    while at <= len(body):
        end = body.find(b"\x1e", at)
        end = len(body) if end < 0 else end
        packet, at = body[at:end], end + 1
        if packet in _NOT_BY_POLLING:
            raise ValueError(f"no client sends {packet!r} by polling")
        yield (TEXT, packet) if packet[:1] != b"b" else (BINARY, _decoded(packet))


def _decoded(packet: bytes) -> bytes:
    try:
        return base64.b64decode(packet[1:].translate(None, _WHITE_SPACE), validate=True)
    except binascii.Error:
        raise ValueError("a binary packet is not base64") from None
