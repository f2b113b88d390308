"""What waits for one client that is behind, in one of the three ways to keep it within its limit.

A segment is shared by all clients that it waits for: what is kept here are references, and the
place in the first one up to which it was sent. Sans-IO. Must not know sockets or sessions.

Use: `backlog = Backlog(); backlog.add(segment, sent); backlog.parts(); backlog.advance(n)`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator, Sequence

from bridge.clients.frames import messages_in

__all__ = ["Backlog", "LatestBacklog", "Segment"]

MOST_PARTS = 64  # in one system call


class Segment:
    """Frames that go out together. `count`: how many messages of the server they are; 0: the bridge's own,
    such as acks and pings, which no policy drops. `keys`: for each message, what a newer one supersedes.
    """

    __slots__ = ("count", "data", "keys")

    def __init__(self, data: bytes, count: int = 0, keys: Sequence[Hashable] = ()) -> None:
        self.data, self.count, self.keys = data, count, keys


class Backlog:
    """Segments in order. `size`: bytes that wait."""

    __slots__ = ("_at", "_queue", "size")

    def __init__(self) -> None:
        self._queue: deque[Segment] = deque()
        self._at = 0  # up to here the first one was sent
        self.size = 0

    @property
    def half(self) -> int:
        """Bytes that are left of a message that is half sent; no cut gets at them."""
        return _message_at(self._queue[0].data, self._at)[1] - self._at if self._at else 0

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

        The bridge's own packets stay, and so does the frame that is half sent.
        """
        dropped = 0
        kept: deque[Segment] = deque()
        for segment in self._whole(kept):
            if least <= 0 or not segment.count:
                kept.append(segment)
                continue
            rest, count, freed = _without_oldest(segment, least)
            least -= freed
            dropped += count
            if rest is not None:
                kept.append(rest)
        self._keep(kept)
        return dropped

    def clear(self) -> int:
        """Drop everything but the frame that is half sent; how many messages that were."""
        kept: deque[Segment] = deque()
        dropped = sum(segment.count for segment in self._whole(kept))
        self._keep(kept)
        return dropped

    def _whole(self, half: deque[Segment]) -> Iterator[Segment]:
        """The segments of whole messages; the one that is half sent goes to `half`, and stays known as that."""
        for place, segment in enumerate(self._queue):
            if place or not self._at:
                yield segment
                continue
            data = segment.data
            start, end, gone = _message_at(data, self._at)
            if end > self._at:
                half.append(Segment(data[start:end]))
                self._at -= start
            else:
                self._at = 0
            if end < len(data):
                yield Segment(data[end:], segment.count and segment.count - gone)

    def _keep(self, kept: deque[Segment]) -> None:
        self._queue = kept
        self.size = sum(len(segment.data) for segment in kept) - self._at


def _without_oldest(segment: Segment, least: int) -> tuple[Segment | None, int, int]:
    """The segment without its first messages, how many those were, and their bytes."""
    if least >= len(segment.data):
        return None, segment.count, len(segment.data)
    _, end, count = _message_at(segment.data, least)
    if end == len(segment.data):
        return None, segment.count, end
    return Segment(segment.data[end:], segment.count - count), count, end


def _message_at(data: bytes, at: int) -> tuple[int, int, int]:
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
    def half(self) -> int:
        """Bytes of what is on its way; no cut gets at them."""
        return self._sending.size

    def add(self, segment: Segment, sent: int = 0) -> int:
        """Keep the newest of each key; how many messages gave way."""
        data, dropped = segment.data, 0
        at = 0
        if sent:
            _, at, _ = _message_at(data, sent)
            self._sending.add(Segment(data[:at]), sent)
            self.size += at - sent
        if not segment.count:
            self._put((self._numbers,), data[at:])
            self._numbers += 1
            return 0
        for (start, end), key in zip(messages_in(data), segment.keys, strict=True):
            if start >= at:
                dropped += self._put(key, data[start:end])
        return dropped

    def parts(self) -> list[bytes | memoryview]:
        """What to send next, in order."""
        if not self._sending.size and self._waiting:
            key = next(iter(self._waiting))
            self._sending.add(Segment(self._waiting.pop(key)))
        return self._sending.parts()

    def advance(self, sent: int) -> None:
        """So many more bytes have gone."""
        self._sending.advance(sent)
        self.size -= sent

    def cut(self, least: int) -> int:
        """Drop the keys that have been without news for longest, until `least` bytes are free."""
        dropped = 0
        for key in [key for key in self._waiting if not _is_own(key)]:
            if least <= 0:
                break
            gone = len(self._waiting.pop(key))
            least -= gone
            self.size -= gone
            dropped += 1
        return dropped

    def clear(self) -> int:
        """Drop everything that has not begun to go out; how many messages that were."""
        dropped = sum(not _is_own(key) for key in self._waiting)
        self._waiting.clear()
        self._sending.clear()
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
