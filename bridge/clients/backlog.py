"""What waits for one client that is behind, in one of the three ways to keep it within its limit.

A segment is shared by all clients that it waits for: what is kept here are references, and the
place in the first one up to which it was sent. Sans-IO. Must not know sockets or sessions.

Use: `backlog = Backlog(); backlog.add(segment, sent); backlog.parts(); backlog.advance(n)`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence

from bridge.clients.frames import messages_in

__all__ = ["Backlog", "LatestBacklog", "Segment"]

MOST_PARTS = 64  # in one system call


class Segment:
    """Frames that go out together. `count`: how many messages of the server they are; 0: the bridge's own,
    such as acks and pings, which no policy drops. `keys`: for each message, what a newer one supersedes.
    """

    __slots__ = ("count", "data", "keys")

    def __init__(self, data: bytes | memoryview, count: int = 0, keys: Sequence[Hashable] = ()) -> None:
        self.data, self.count, self.keys = data, count, keys


class Backlog:
    """Segments in order. `size`: bytes that wait."""

    __slots__ = ("_at", "_queue", "size")

    def __init__(self) -> None:
        self._queue: deque[Segment] = deque()
        self._at = 0  # up to here the first one was sent
        self.size = 0

    @property
    def own(self) -> int:
        """Bytes of the bridge's own packets, which no cut gets at. After a cut they are few pieces."""
        return sum(len(segment.data) for segment in self._queue if not segment.count)

    def add(self, segment: Segment, sent: int = 0) -> int:
        """Keep the segment, of which `sent` bytes have gone already; how many messages gave way to it."""
        if sent:
            assert not self._queue
            self._at = sent
        self._queue.append(segment)
        self.size += len(segment.data) - sent
        return 0

    def parts(self) -> list[bytes | memoryview]:
        """What to send next, in order."""
        parts: list[bytes | memoryview] = [
            segment.data for _, segment in zip(range(MOST_PARTS), self._queue, strict=False)
        ]
        if self._at:
            parts[0] = memoryview(parts[0])[self._at :]
        return parts

    def advance(self, sent: int) -> None:
        """So many more bytes have gone."""
        self.size -= sent
        self._at += sent
        while self._queue and self._at >= len(self._queue[0].data):
            self._at -= len(self._queue.popleft().data)

    def cut(self, least: int) -> int:
        """Drop the oldest messages until `least` bytes are free, or none is left; how many were dropped.

        The bridge's own packets stay, and so does the message that is half sent. What stays is not
        looked at again and again: those packets become one segment.
        """
        dropped = 0
        begun = self._begun()
        own: list[bytes | memoryview] = []
        while least > 0 and self._queue:
            segment = self._queue.popleft()
            if not segment.count:
                own.append(segment.data)
                continue
            rest, count, freed = _without_oldest(segment, least)
            least -= freed
            self.size -= freed
            dropped += count
            if rest is not None:
                self._queue.appendleft(rest)
        if own:
            self._queue.appendleft(Segment(b"".join(own)))
        self._queue.extendleft(begun)
        return dropped

    def clear(self) -> int:
        """Drop everything but the message that is half sent; how many messages that were."""
        begun = self._begun()
        dropped = sum(segment.count for segment in self._queue)
        self._queue = deque(begun)
        self.size = sum(len(segment.data) for segment in begun) - self._at
        return dropped

    def _begun(self) -> list[Segment]:
        """Take the message that is half sent off the queue, if there is one; the messages before it have gone."""
        if not self._at:
            return []
        segment = self._queue.popleft()
        start, end, gone = _message_at(segment.data, self._at)
        if end < len(segment.data):
            self._queue.appendleft(Segment(_rest(segment.data, end), segment.count and segment.count - gone))
        if end == self._at:
            self._at = 0
            return []
        self._at -= start
        return [Segment(segment.data[start:end], min(segment.count, 1))]


def _rest(data: bytes | memoryview, at: int) -> memoryview:
    """What comes from there on, not copied: twenty stalled clients would have twenty copies of a segment."""
    return memoryview(data)[at:]


def _without_oldest(segment: Segment, least: int) -> tuple[Segment | None, int, int]:
    """The segment without its first messages, how many those were, and their bytes."""
    if least >= len(segment.data):
        return None, segment.count, len(segment.data)
    _, end, count = _message_at(segment.data, least)
    if end == len(segment.data):
        return None, segment.count, end
    return Segment(_rest(segment.data, end), segment.count - count), count, end


def _message_at(data: bytes | memoryview, at: int) -> tuple[int, int, int]:
    """The message that byte `at` is in, or that ends at it: where it begins and ends, and the how manieth it is."""
    for count, (start, end) in enumerate(messages_in(data), 1):
        if end >= at:
            return start, end, count
    return len(data), len(data), 0


class LatestBacklog:
    """Of each key the newest message, and the bridge's own packets; for state that supersedes itself.

    What waits is in the order of its newest state. `size`: bytes that wait.
    """

    __slots__ = ("_numbers", "_sending", "_waiting", "size")

    def __init__(self) -> None:
        self._waiting: dict[Hashable, bytes] = {}
        self._sending = Backlog()  # what has begun to go out, and can't be superseded any more
        self._numbers = 0  # of the bridge's own packets, which nothing supersedes
        self.size = 0

    @property
    def own(self) -> int:
        """Bytes of the bridge's own packets, which no cut gets at."""
        return self._sending.own + sum(len(data) for key, data in self._waiting.items() if _is_own(key))

    def add(self, segment: Segment, sent: int = 0) -> int:
        """Keep the newest of each key; how many messages gave way."""
        data, dropped = segment.data, 0
        at = 0
        if sent:
            _, at, gone = _message_at(data, sent)
            self._sending.add(Segment(data[:at], segment.count and gone), sent)
            self.size += at - sent
        if not segment.count:
            self._put((self._numbers,), bytes(data[at:]))
            self._numbers += 1
            return 0
        for (start, end), key in zip(messages_in(data), segment.keys, strict=True):
            if start >= at:
                dropped += self._put(key, bytes(data[start:end]))
        return dropped

    def parts(self) -> list[bytes | memoryview]:
        """What to send next, in order."""
        if not self._sending.size and self._waiting:
            key = next(iter(self._waiting))
            self._sending.add(Segment(self._waiting.pop(key), int(not _is_own(key))))
        return self._sending.parts()

    def advance(self, sent: int) -> None:
        """So many more bytes have gone."""
        self._sending.advance(sent)
        self.size -= sent

    def cut(self, least: int) -> int:
        """Drop the keys that have been without news for longest, until `least` bytes are free."""
        passed: list[Hashable] = []
        for key, data in self._waiting.items():
            if least <= 0:
                break
            passed.append(key)
            least -= 0 if _is_own(key) else len(data)
        dropped = 0
        for key in passed:
            data = self._waiting.pop(key)
            if _is_own(key):
                self._sending.add(Segment(data))  # as nothing comes before it any more
            else:
                self.size -= len(data)
                dropped += 1
        return dropped

    def clear(self) -> int:
        """Drop everything that has not begun to go out; how many messages that were."""
        dropped = sum(not _is_own(key) for key in self._waiting) + self._sending.clear()
        self._waiting.clear()
        self.size = self._sending.size
        return dropped

    def _put(self, key: Hashable, data: bytes) -> int:
        """Keep this for the key; 1 if it supersedes something."""
        if not data:
            return 0
        old = self._waiting.pop(key, None)
        self._waiting[key] = data
        self.size += len(data) - (len(old) if old else 0)
        return int(old is not None)


def _is_own(key: Hashable) -> bool:
    return isinstance(key, tuple) and len(key) == 1
