"""Gives random bytes for ids that nobody may guess, of which the system is asked for many at a time.

A client that connects needs four ids, and a call of the system for each is a tenth of what it costs. Must not be used
for keys that stay.

Use: `twelve = RandomBytes(12)`; `twelve()`.
"""

from __future__ import annotations

import os
import secrets
from collections import deque

__all__ = ["RandomBytes"]

AT_ONCE = 256  # pieces


class RandomBytes:
    """Pieces of `size` bytes, each given once, to any thread."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._pieces: deque[bytes] = deque()
        os.register_at_fork(after_in_child=self._pieces.clear)  # or both would give the same

    def __call__(self) -> bytes:
        """Give the next piece."""
        while True:
            try:
                return self._pieces.popleft()
            except IndexError:
                fresh = secrets.token_bytes(self._size * AT_ONCE)
                self._pieces.extend(fresh[at : at + self._size] for at in range(0, len(fresh), self._size))
