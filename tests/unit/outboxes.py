"""Outboxes on sockets that are none: what they take is set by the test.

Use: `client = FakeClient(room=10); client.outbox.put(segment); client.sent`.
"""

from __future__ import annotations

from bridge.clients.outbox import Limits, Outbox
from bridge.tally import Tally

__all__ = ["FakeClient"]


class FakeClient:
    """Implements outbox.Port. `room`: how many bytes its socket takes yet."""

    def __init__(self, limits: Limits | None = None, room: int = 1 << 60) -> None:
        self.room = room
        self.sent = b""
        self.writes: list[bytes] = []
        self.blocks = self.slow = 0
        self.limits = limits or Limits(1 << 20, "disconnect", Tally())
        self.outbox = Outbox(self, self.limits)
        self.outbox.connect(lambda data: self.send_parts([data]))

    def send_parts(self, parts: list[bytes | memoryview]) -> int:
        data = b"".join(parts)[: self.room]
        self.room -= len(data)
        self.sent += data
        if data:
            self.writes.append(data)
        return len(data)

    def blocked(self) -> None:
        self.blocks += 1

    def too_slow(self) -> None:
        self.slow += 1
