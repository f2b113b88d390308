"""Decode Socket.IO packets as the bridge wants them.

python-socketio acks with what a handler returns and never shows it the ack's id, and it runs
its own lifecycle handlers for an event that a client has named `connect` or `disconnect`. So
each event of a client is renamed on the way in: `["move", {…}]` with ack id 3 becomes one
event of our own with the arguments 3 and ["move", {…}], and nothing else sees its name.

An event whose JSON or attachments can't be read is an event without data, which is refused like
any other bad event, with its ack.

Use: `SocketIO(serializer=event_packet(1 << 20, connect_data))`; `server.on(EVENT, handler)`,
`handler(sid, ack_id, data)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson
from socketio import packet

from bridge.engineio.session_context import UnreadablePacket

__all__ = ["EVENT", "EventPacket", "event_packet", "readable"]

#: The one event that clients' events arrive as. No client can send it: theirs are its arguments.
EVENT = "bridge:event"

_TYPES = frozenset("0123456")
#: A packet up to its data: type, number of attachments, namespace, ack id.
_HEAD = re.compile(r"[0-6](?:[0-9]+-)?(?:/[^,]*(?:,|\Z))?[0-9]*")
_PLAIN = {packet.BINARY_EVENT: packet.EVENT, packet.BINARY_ACK: packet.ACK}


class EventPacket(packet.Packet):  # type: ignore[misc]
    """A packet whose events, on the default namespace, are arguments of EVENT.

    `max_attached`: bytes of all attachments of one packet; `connect_data`: makes the data of the answer to a CONNECT.
    """

    max_attached: int
    connect_data: Callable[[dict[str, object]], dict[str, object]]
    packet_type: int
    id: int | None
    data: Any

    def encode(self) -> Any:
        """Encode the packet as text, or as a list with its attachments."""
        if self.packet_type == packet.CONNECT and self.namespace in (None, "/") and "sid" in (self.data or ()):
            return "0" + orjson.dumps(self.connect_data(self.data)).decode()
        return super().encode()

    def decode(self, encoded_packet: Any) -> int:
        """Decode a packet. Return how many attachments are still to come. Raises ValueError for anything else."""
        if not isinstance(encoded_packet, str) or encoded_packet[:1] not in _TYPES:
            raise ValueError("this is no Socket.IO packet")
        try:
            count: int = super().decode(encoded_packet)
        except (ValueError, RecursionError):
            if self.packet_type != packet.EVENT:
                raise
            count, self.data = 0, None
        if not count and self.packet_type in _PLAIN:
            # python-socketio would still wait for an attachment, and take whatever comes next for it.
            self.packet_type = _PLAIN[self.packet_type]
        if self.packet_type in (packet.EVENT, packet.BINARY_EVENT) and self.namespace in (None, "/"):
            self.data = [EVENT, self.id, self.data]
            self.id = None
        return count

    @classmethod
    def _reconstruct_binary_internal(cls, data: Any, attachments: list[bytes]) -> Any:
        """Put the attachments into their places. Raises IndexError for -1, too, which would be the last one."""
        if isinstance(data, dict) and data.get("_placeholder") and "num" in data:
            number = data["num"]
            if type(number) is not int or not 0 <= number < len(attachments):
                raise IndexError(f"there is no attachment {number!r}")
        return super()._reconstruct_binary_internal(data, attachments)

    def add_attachment(self, attachment: Any) -> bool:
        """Take the next attachment. Return whether it was the last.

        If an attachment is text, too many bytes, or not one that the JSON refers to, the packet is over at once: if
        this raised, python-socketio would keep the packet, and with it all that follows.
        """
        size = sum(map(len, self.attachments)) + len(attachment)
        try:
            if isinstance(attachment, bytes) and size <= self.max_attached:
                return bool(super().add_attachment(attachment))
        except (IndexError, TypeError, RecursionError):
            pass
        self.data = [EVENT, self.data[1], None] if self.data and self.data[0] == EVENT else []
        return True


def readable(packet_class: type[packet.Packet]) -> type[packet.Packet]:
    """Return a subclass that raises UnreadablePacket for anything that is no packet of Socket.IO protocol 5.

    python-socketio accepts some of that, and keeps half of the rest.
    """

    class Readable(packet_class):  # type: ignore[misc]
        def __init__(self, *args: Any, encoded_packet: Any = None, **kwargs: Any) -> None:
            super().__init__(*args, encoded_packet=encoded_packet, **kwargs)
            if encoded_packet is not None and not encoded_packet:  # an empty packet, which would not be decoded at all
                raise UnreadablePacket("an empty message")

        def decode(self, encoded_packet: Any) -> int:
            try:
                if not isinstance(encoded_packet, str):
                    raise ValueError("an attachment that was not announced")
                head = _HEAD.match(encoded_packet)
                if head is not None and encoded_packet[head.end() : head.end() + 1].isdigit():
                    raise ValueError("a digit that is not one of ASCII's")  # which int() takes all the same
                count: int = super().decode(encoded_packet)
            except Exception as error:
                raise UnreadablePacket(f"{type(error).__name__}: {error}") from None
            if not _is_valid(self.packet_type, self.data):
                raise UnreadablePacket(f"this is no packet of Socket.IO's: {encoded_packet[:75]!r}")
            return count

        def add_attachment(self, attachment: Any) -> bool:
            try:
                complete = bool(super().add_attachment(attachment))
            except (ValueError, IndexError, TypeError, KeyError, RecursionError) as error:
                raise UnreadablePacket(f"an attachment is out of place: {error}") from None
            if not all(isinstance(each, bytes) for each in self.attachments):
                raise UnreadablePacket("an attachment is text")
            return complete

    return Readable


def _is_valid(packet_type: int, data: object) -> bool:
    """Tell whether a client may send this (Socket.IO protocol 5, "Packet types")."""
    if packet_type in (packet.EVENT, packet.BINARY_EVENT):
        return isinstance(data, list) and bool(data) and isinstance(data[0], str)
    if packet_type in (packet.ACK, packet.BINARY_ACK):
        return isinstance(data, list)
    if packet_type == packet.CONNECT:
        return data is None or isinstance(data, dict)
    return packet_type == packet.DISCONNECT and data is None


def event_packet(
    max_attached: int, connect_data: Callable[[dict[str, object]], dict[str, object]]
) -> type[EventPacket]:
    """Make the class of packets with this limit, in bytes, and this answer to a CONNECT."""
    return type(
        "EventPacket", (EventPacket,), {"max_attached": max_attached, "connect_data": staticmethod(connect_data)}
    )
