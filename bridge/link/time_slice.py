"""When a reader lets others run: on green threads, one that is flooded never waits and would keep all waiting.

One whose reads wait lets them run anyway. Must not know what is read.

Use: `turn = TimeSlice()`; `while data := turn.read(sock, size): …`.
"""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["TimeSlice"]

LONGEST_TURN = 0.0005  # seconds of reading without waiting; what a burst's fan-out takes has its own limit
AT_ONCE = 0.0003  # seconds that a read takes at most that had not to wait


class Readable(Protocol):
    """A socket."""

    def recv(self, size: int, /) -> bytes: ...


class TimeSlice:
    """One reader's."""

    def __init__(self) -> None:
        self._ends = time.monotonic() + LONGEST_TURN

    def read(self, sock: Readable, at_most: int) -> bytes:
        """What has come, as `socket.recv`. If it was there at once, others run before it is given, if it is their turn:
        during a read that had to wait whoever had something to do has run already, and a switch for each message would
        be dear."""
        began = time.monotonic()
        data = sock.recv(at_most)
        now = time.monotonic()
        if now - began > AT_ONCE:
            self._ends = now + LONGEST_TURN
        elif now > self._ends:
            time.sleep(0)
            self._ends = time.monotonic() + LONGEST_TURN
        return data
