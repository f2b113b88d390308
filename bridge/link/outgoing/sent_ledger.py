"""Record which frames were handed to a connection, to count those that the server may never have had.

What `sendall` has taken is in this machine's kernel, and is lost if the kernel still has it when the connection breaks.
The kernel knows how many bytes were acknowledged; this ledger knows to which frames they belong. State only.

Use: `handed.add(size, frames)` after each send; `handed.beyond(acknowledged)` when the connection is over.
"""

from __future__ import annotations

from collections import deque

__all__ = ["SentLedger"]

#: Bytes whose frames are remembered: more than a kernel keeps for one connection.
REMEMBERED = 16 * 1024 * 1024
#: Sends up to so many bytes together are remembered as one.
TOGETHER = 16 * 1024


class SentLedger:
    """The ledger of one connection, from `begin()` on."""

    def __init__(self) -> None:
        self._total = self._kept = 0
        self._sends: deque[tuple[int, int]] = deque()

    def begin(self) -> None:
        """Another connection."""
        self._total = self._kept = 0
        self._sends.clear()

    def add(self, size: int, frames: int) -> None:
        """Record that `size` bytes, which are `frames` frames, were handed over."""
        self._total += size
        self._kept += size
        if self._sends and self._sends[-1][0] + size <= TOGETHER:
            before, its_frames = self._sends.pop()
            size, frames = before + size, its_frames + frames
        self._sends.append((size, frames))
        while self._kept > REMEMBERED and len(self._sends) > 1:
            self._kept -= self._sends.popleft()[0]

    def beyond(self, acknowledged: int) -> int:
        """Return how many frames are not completely in the first `acknowledged` bytes.

        Of sends that are remembered as one, the frames are counted in proportion to the bytes.
        """
        left, count = self._total - acknowledged, 0
        for size, frames in reversed(self._sends):
            if left <= 0:
                break
            count += frames if left >= size else -(-frames * left // size)
            left -= size
        return count
