"""Keep what waits for one client whose socket is full, and cut it by the policy for slow clients.

All clients for which a segment waits share it: a send queue holds references, and the position in the first segment
up to which it was sent. Sans-IO. Must not know sockets or sessions.

Use: `queue = SendQueue(); queue.add(segment, sent); queue.parts(); queue.advance(n)`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator, Sequence
from itertools import groupby

from bridge.wire.segment import Segment
from bridge.wire.websocket_frames import messages_in

__all__ = ["LatestSendQueue", "SendQueue"]

MOST_PARTS = 64  # in one system call


class SendQueue:
    """Keeps segments in order. `size`: bytes that wait; `answers`: how many of these bytes are answers."""

    __slots__ = ("_at", "_segments", "answers", "size")

    def __init__(self) -> None:
        self._segments: deque[Segment] = deque()
        self._at = 0  # bytes of the first segment that were sent
        self.size = 0
        self.answers = 0

    @property
    def own(self) -> int:
        """Bytes of the bridge's own packets without answers, which `cut` keeps. After a cut they are few segments."""
        return sum(len(segment.data) for segment in self._segments if not segment.count and not segment.answers)

    def add(self, segment: Segment, sent: int = 0) -> int:
        """Keep a segment of which `sent` bytes have gone. Return how many messages it superseded: none."""
        if sent:
            assert not self._segments
            self._at = sent
        self._segments.append(segment)
        self.size += len(segment.data) - sent
        if segment.answers:
            self.answers += len(segment.data) - sent
        return 0

    def parts(self) -> list[bytes | memoryview]:
        """What to send next, in order."""
        parts: list[bytes | memoryview] = [
            segment.data for _, segment in zip(range(MOST_PARTS), self._segments, strict=False)
        ]
        if self._at:
            parts[0] = memoryview(parts[0])[self._at :]
        return parts

    def advance(self, sent: int) -> None:
        """So many more bytes have gone."""
        was = self._at
        self.size -= sent
        self._at += sent
        while self._segments and self._at >= len(self._segments[0].data):
            segment = self._segments.popleft()
            self._at -= len(segment.data)
            if segment.answers:
                self.answers -= len(segment.data) - was
            was = 0
        if self._at > was and self._segments[0].answers:
            self.answers -= self._at - was

    def cut(self, least: int) -> int:
        """Drop the oldest messages until `least` bytes are free, or none is left; how many were dropped.

        The bridge's own packets stay, and so does the message that is half sent. Neighbouring packets of the same kind
        are joined, so that the next cut does not look at each of them again.
        """
        dropped = 0
        begun = self._begun()
        own: list[Segment] = []
        while least > 0 and self._segments:
            segment = self._segments.popleft()
            if not segment.count:
                own.append(segment)
                continue
            rest, count, freed = _without_oldest(segment, least)
            least -= freed
            self.size -= freed
            dropped += count
            if rest is not None:
                self._segments.appendleft(rest)
        self._segments.extendleft(reversed(list(_joined(own))))
        self._segments.extendleft(begun)
        return dropped

    def clear(self) -> None:
        """Drop everything but the message that is half sent."""
        begun = self._begun()
        self._segments = deque(begun)
        self.size = sum(len(segment.data) for segment in begun) - self._at
        self.answers = self.size if begun and begun[0].answers else 0

    def _begun(self) -> list[Segment]:
        """Take the half-sent message off the queue, if there is one; the messages before it have gone."""
        if not self._at:
            return []
        segment = self._segments.popleft()
        start, end, gone = _message_at(segment.data, self._at)
        if end < len(segment.data):
            rest = memoryview(segment.data)[end:]
            self._segments.appendleft(type(segment)(rest, segment.count and segment.count - gone))
        if end == self._at:
            self._at = 0
            return []
        self._at -= start
        return [type(segment)(segment.data[start:end], min(segment.count, 1))]


def _joined(own: Sequence[Segment]) -> Iterator[Segment]:
    """Join neighbouring packets of the bridge's own if they are of the same kind."""
    for kind, some in groupby(own, type):
        yield kind(b"".join([segment.data for segment in some]))


def _without_oldest(segment: Segment, least: int) -> tuple[Segment | None, int, int]:
    """Drop the first messages, `least` bytes or more. Return (the rest or None, how many were dropped, their bytes)."""
    if least >= len(segment.data):
        return None, segment.count, len(segment.data)
    _, end, count = _message_at(segment.data, least)
    if end == len(segment.data):
        return None, segment.count, end
    # A view: with copies, twenty stalled clients would keep twenty segments.
    return Segment(memoryview(segment.data)[end:], segment.count - count), count, end


def _message_at(data: bytes | memoryview, at: int) -> tuple[int, int, int]:
    """Find the message that contains byte `at` or ends there: (where it begins, where it ends, its index from 1)."""
    for count, (start, end) in enumerate(messages_in(data), 1):
        if end >= at:
            return start, end, count
    return len(data), len(data), 0


class LatestSendQueue:
    """Keeps the newest message of each key, and the bridge's own packets; for state that supersedes itself.

    The key that has had no news for longest comes first. `size`: bytes that wait; `answers`: how many of these bytes
    are answers.
    """

    __slots__ = ("_sending", "_waiting", "answers", "size")

    def __init__(self) -> None:
        self._waiting: dict[Hashable, bytes] = {}
        self._sending = SendQueue()  # what has begun to go out can't be superseded any more
        self.size = 0
        self.answers = 0

    @property
    def own(self) -> int:
        """Bytes of the bridge's own packets without answers, which `cut` leaves alone."""
        waiting = self._waiting.items()
        return self._sending.own + sum(
            len(data) for key, data in waiting if isinstance(key, _Own) and not key.kind.answers
        )

    def add(self, segment: Segment, sent: int = 0) -> int:
        """Keep the newest message of each key. Return how many messages were superseded."""
        data, dropped = segment.data, 0
        at = 0
        if sent:
            _, at, gone = _message_at(data, sent)
            self._sending.add(type(segment)(data[:at], segment.count and gone), sent)
            self.size += at - sent
        if not segment.count:
            if at < len(data):
                self._put(_Own(type(segment)), bytes(data[at:]))
            if segment.answers:
                self.answers += len(data) - sent
            return 0
        for (start, end), key in zip(messages_in(data), segment.keys, strict=True):
            if start >= at:
                dropped += self._put(key, bytes(data[start:end]))
        return dropped

    def parts(self) -> list[bytes | memoryview]:
        """What to send next, in order."""
        if not self._sending.size and self._waiting:
            key = next(iter(self._waiting))
            self._begin(key, self._waiting.pop(key))
        return self._sending.parts()

    def advance(self, sent: int) -> None:
        """So many more bytes have gone."""
        was = self._sending.answers
        self._sending.advance(sent)
        self.size -= sent
        self.answers -= was - self._sending.answers

    def cut(self, least: int) -> int:
        """Drop the keys that have had no news for longest, until `least` bytes are free. Return how many."""
        passed: list[Hashable] = []
        for key, data in self._waiting.items():
            if least <= 0:
                break
            passed.append(key)
            least -= 0 if isinstance(key, _Own) else len(data)
        dropped = 0
        for key in passed:
            data = self._waiting.pop(key)
            if isinstance(key, _Own):
                self._begin(key, data)  # nothing waits before it any more
            else:
                self.size -= len(data)
                dropped += 1
        return dropped

    def clear(self) -> None:
        """Drop everything that has not begun to go out."""
        self._sending.clear()
        self._waiting.clear()
        self.size, self.answers = self._sending.size, self._sending.answers

    def _begin(self, key: Hashable, data: bytes) -> None:
        """Move what has been waiting to what is going out."""
        self._sending.add(key.kind(data) if isinstance(key, _Own) else Segment(data, 1))

    def _put(self, key: Hashable, data: bytes) -> int:
        """Keep data for a key. Return 1 if it supersedes something, else 0."""
        old = self._waiting.pop(key, None)
        self._waiting[key] = data
        self.size += len(data) - (len(old) if old else 0)
        return int(old is not None)


class _Own:
    """The key of a packet of the bridge's own. Each is a key of its own, so nothing supersedes it."""

    __slots__ = ("kind",)

    def __init__(self, kind: type[Segment]) -> None:
        self.kind = kind
