"""When a reader lets others run: on green threads, one that is flooded never waits and would keep all waiting.

One whose reads wait lets them run anyway, and a turn of all more for each message would be dear.
Must not know what is read.

Use: `turn = Turn()`; `while data := turn.read(sock, size): …; turn.over()`.
"""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["Turn"]

LONGEST_TURN = 0.0005  # seconds of reading without waiting; what a burst's fan-out takes has its own limit
AT_ONCE = 0.0003  # seconds that a read takes at most that had not to wait


class Readable(Protocol):
    """A socket."""

    def recv(self, size: int, /) -> bytes: ...


class Turn:
    """One reader's."""

    def __init__(self) -> None:
        self._ends = time.monotonic() + LONGEST_TURN

    def read(self, sock: Readable, at_most: int) -> bytes:
        """What has come, as `socket.recv`."""
        began = time.monotonic()
        data = sock.recv(at_most)
        now = time.monotonic()
        if now - began > AT_ONCE:
            self._ends = now + LONGEST_TURN
        return data

    def over(self) -> None:
        """Let others run, if it is their turn."""
        if time.monotonic() > self._ends:
            time.sleep(0)
            self._ends = time.monotonic() + LONGEST_TURN
