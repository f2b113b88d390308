"""Decide when a reader lets others run: a green thread that is flooded never waits, and would starve all others.

A reader that has to wait for data lets them run anyway. Must not know what is read.

Use: `turn = TimeSlice()`; `while data := turn.read(sock, size): …`.
"""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["TimeSlice"]

LONGEST_TURN = 0.0005  # seconds of reading without waiting; the fan-out of a burst has a limit of its own
AT_ONCE = 0.0003  # seconds; a read that takes longer has had to wait


class Readable(Protocol):
    """A socket."""

    def recv(self, size: int, /) -> bytes: ...


class TimeSlice:
    """The time slice of one reader."""

    def __init__(self) -> None:
        self._ends = time.monotonic() + LONGEST_TURN

    def read(self, sock: Readable, at_most: int) -> bytes:
        """Read as `socket.recv` does, and let others run before returning if this reader's time is up.

        During a read that had to wait the others have run already, so there is no switch for each message.
        """
        began = time.monotonic()
        data = sock.recv(at_most)
        now = time.monotonic()
        if now - began > AT_ONCE:
            self._ends = now + LONGEST_TURN
        elif now > self._ends:
            time.sleep(0)
            self._ends = time.monotonic() + LONGEST_TURN
        return data
