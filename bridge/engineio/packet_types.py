"""What packets begin with: Engine.IO's types, and of Socket.IO's those that a session has to tell apart.

Source: Engine.IO protocol 4, "Packet encoding"; Socket.IO protocol 5, "Packet types". Must not know what follows in a
packet.

Use: `if data[:1] == PacketType.PONG: …`.
"""

from __future__ import annotations

import enum

__all__ = ["PROBE", "PROBE_ANSWER", "PacketType", "SocketIOType"]


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
    BINARY_EVENT = "5"
    BINARY_ACK = "6"
