"""Outboxes on sockets that are none: what they take is set by the test.

Use: `client = FakeClient(room=10); client.outbox.put(segment); client.sent`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from weakref import WeakValueDictionary

from bridge.counters import Counters
from bridge.delivery.client_port import DirectWrite, Write
from bridge.delivery.fanout import AT_ONCE_LITTLE, LITTLE
from bridge.delivery.limits import Limits
from bridge.delivery.outbox import Outbox
from bridge.delivery.slow_policies import POLICIES
from bridge.messages import Payload
from bridge.wire.segment import AnswerSegment, Segment
from bridge.wire.socketio_packets import encode_acks, encode_event, polled
from bridge.wire.websocket_frames import frame

__all__ = ["ACK", "LIMIT", "NOTICE", "FakeClient", "Wire", "message", "numbers", "reads", "send_many", "stalled"]

_NUMBERS = count()
_BY_NUMBER: WeakValueDictionary[int, FakeClient] = WeakValueDictionary()


LIMIT = 16_000
ACK = AnswerSegment(encode_acks([7], {"ok": True}))
NOTICE = Segment(encode_event("bridge:link", Payload.of({"state": "connected"})))


class Wire:
    """A socket, as an outbox sees it."""

    def __init__(self, write: Write, fd: int = -1) -> None:
        self.direct_write: DirectWrite = write, fd


class FakeClient:
    """A client, as its outbox sees it. `room`: how many more bytes its socket takes."""

    def __init__(self, limits: Limits | None = None, room: int = 1 << 60) -> None:
        self.room = room
        self.sent = b""
        self.writes: list[bytes] = []
        self.blocks = self.slow = self.behinds = 0
        self.is_read = True
        self.limits = limits or Limits(1 << 20, POLICIES["disconnect"], Counters())
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

    def behind(self) -> None:
        self.behinds += 1

    def stop_reading(self) -> None:
        assert self.is_read
        self.is_read = False

    def start_reading(self) -> None:
        assert not self.is_read
        self.is_read = True


def send_many(fds: Sequence[int], data: bytes | memoryview) -> list[tuple[int, int]]:
    """An outbox.SendMany for these clients, no more and no larger than the real one's."""
    assert len(fds) <= AT_ONCE_LITTLE
    assert len(data) <= LITTLE
    taken = [_BY_NUMBER[fd].send_parts([data]) if fd >= 0 else 0 for fd in fds]
    return [(which, took) for which, took in enumerate(taken) if took < len(data)]


def message(number: int, size: int = 100, key: str = "") -> Segment:
    """One message of the server."""
    return Segment(frame(b"%06d" % number + b"x" * size), 1, [("message", key or number, None)])


def numbers(data: bytes) -> list[int]:
    """Which messages these frames are; an ack is -1. Fails for what is not frames and nothing else."""
    return [-1 if text.startswith("43") else int(text[:6]) for text in polled([data])]


def stalled(policy: str, size: int = LIMIT, room: int = 0) -> tuple[FakeClient, Counters]:
    """A client whose socket takes `room` bytes."""
    counters = Counters()
    return FakeClient(Limits(size, POLICIES[policy], counters), room), counters


def reads(client: FakeClient) -> None:
    """Its socket takes everything again."""
    client.room = 1 << 60
    assert client.outbox.flush()
    assert client.outbox.size == 0
