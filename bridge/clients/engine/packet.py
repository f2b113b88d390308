"""Socket.IO packets as the bridge wants them decoded.

python-socketio acks with what a handler returns and never shows it the ack's id, and it runs
its own lifecycle handlers for an event that a client has named `connect` or `disconnect`. So
each event of a client is renamed on the way in: `["move", {…}]` with ack id 3 becomes one
event of our own with the arguments 3 and ["move", {…}], and nothing else sees its name.

Use: `SocketIO(serializer=EventPacket)`; `server.on(EVENT, handler)`, `handler(sid, ack_id, data)`.
"""

from __future__ import annotations

from typing import Any

from socketio import packet

__all__ = ["EVENT", "EventPacket"]

#: The one event that clients' events arrive as. No client can send it: theirs are its arguments.
EVENT = "bridge:event"

_TYPES = "0123456"


class EventPacket(packet.Packet):  # type: ignore[misc]
    """A packet whose events, on the default namespace, are arguments of EVENT."""

    def decode(self, encoded_packet: Any) -> int:
        """Decode; the number of attachments still to come. An event whose JSON is broken becomes
        an event without a name, which is refused like any other bad event."""
        try:
            count: int = super().decode(encoded_packet)
        except (ValueError, RecursionError):
            if self.packet_type != packet.EVENT:
                raise
            count, self.data = 0, None
        if self.packet_type in (packet.EVENT, packet.BINARY_EVENT) and self.namespace in (None, "/"):
            self.data = [EVENT, self.id, self.data]
            self.id: int | None = None
        return count
