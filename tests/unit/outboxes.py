"""Outboxes on sockets that are none: what they take is set by the test.

Use: `client = FakeClient(room=10); client.outbox.put(segment); client.sent`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from weakref import WeakValueDictionary

from bridge.clients.fanout import AT_ONCE_LITTLE, LITTLE
from bridge.clients.outbox import Limits, Line, Outbox, Write
from bridge.tally import Tally

__all__ = ["FakeClient", "Wire", "send_many"]

_NUMBERS = count()
_BY_NUMBER: WeakValueDictionary[int, FakeClient] = WeakValueDictionary()


class Wire:
    """Implements outbox.Wire."""

    def __init__(self, write: Write, fd: int = -1) -> None:
        self.line: Line = write, fd


class FakeClient:
    """Implements outbox.Port. `room`: how many bytes its socket takes yet."""

    def __init__(self, limits: Limits | None = None, room: int = 1 << 60) -> None:
        self.room = room
        self.sent = b""
        self.writes: list[bytes] = []
        self.blocks = self.slow = 0
        self.limits = limits or Limits(1 << 20, "disconnect", Tally())
        self.outbox = Outbox(self, self.limits)
        self.connect()

    def connect(self) -> None:
        """Have the outbox write to it directly."""
        number = next(_NUMBERS)
        _BY_NUMBER[number] = self
        self.outbox.connect(Wire(lambda data: self.send_parts([data]), number))

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


def send_many(fds: Sequence[int], data: bytes | memoryview) -> list[tuple[int, int]]:
    """An outbox.SendMany for these clients, no more and no larger than the real one's."""
    assert len(fds) <= AT_ONCE_LITTLE
    assert len(data) <= LITTLE
    taken = [_BY_NUMBER[fd].send_parts([data]) if fd >= 0 else 0 for fd in fds]
    return [(which, took) for which, took in enumerate(taken) if took < len(data)]
