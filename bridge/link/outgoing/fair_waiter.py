"""Who waits for room, in the order of coming: nobody overtakes.

Must not know what the room is for. It is used under its owner's lock, which it lets go while waiting.

Use: `with line.wait(5.0): …`, and `line.next()` whenever there may be room.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["FairWaiter"]


class FairWaiter:
    """One line. `has_room` is asked under the lock."""

    def __init__(self, lock: threading.RLock, has_room: Callable[[], bool]) -> None:
        self._lock, self._has_room = lock, has_room
        self._waiting: deque[threading.Condition] = deque()  # the first one first

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @contextmanager
    def wait(self, patience: Callable[[], float]) -> Iterator[bool]:
        """Wait for as many seconds as `patience` says; whether there was room. Inside, it is this one's turn still."""
        mine = threading.Condition(self._lock)  # its own: else all would wake for each one's turn
        with self._lock:
            self._waiting.append(mine)
        try:
            with self._lock:
                found = mine.wait_for(lambda: self._waiting[0] is mine and self._has_room(), patience())
            yield found
        finally:
            with self._lock:
                self._waiting.remove(mine)
                self.next()

    def next(self) -> None:
        """Wake who is first, if there is room."""
        if self._waiting and self._has_room():
            self._waiting[0].notify()
