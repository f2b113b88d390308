"""How much of what a connection was handed lately the other side may never have had.

What `sendall` has taken is in this machine's kernel, and what that still has when the connection breaks is
lost. The kernel knows how many bytes were acknowledged; here are the frames that they belong to. State only.

Use: `handed.add(size, frames)` after each send; `handed.beyond(acknowledged)` when the connection is over.
"""

from __future__ import annotations

from collections import deque

__all__ = ["SentLedger"]

#: Bytes for which it is remembered which frames they were: more than a kernel keeps for one connection.
REMEMBERED = 16 * 1024 * 1024
#: Bytes of sends that are remembered as one.
TOGETHER = 16 * 1024


class SentLedger:
    """Of one connection, from `begin()` on."""

    def __init__(self) -> None:
        self._total = self._kept = 0
        self._sends: deque[tuple[int, int]] = deque()

    def begin(self) -> None:
        """Another connection."""
        self._total = self._kept = 0
        self._sends.clear()

    def add(self, size: int, frames: int) -> None:
        """So many bytes were handed over, which are so many frames."""
        self._total += size
        self._kept += size
        if self._sends and self._sends[-1][0] + size <= TOGETHER:
            before, its_frames = self._sends.pop()
            size, frames = before + size, its_frames + frames
        self._sends.append((size, frames))
        while self._kept > REMEMBERED and len(self._sends) > 1:
            self._kept -= self._sends.popleft()[0]

    def beyond(self, acknowledged: int) -> int:
        """How many frames are not in the first so many bytes, or not all of them; of sends that are remembered as
        one, by its share."""
        left, count = self._total - acknowledged, 0
        for size, frames in reversed(self._sends):
            if left <= 0:
                break
            count += frames if left >= size else -(-frames * left // size)
            left -= size
        return count
