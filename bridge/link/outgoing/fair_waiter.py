"""Let callers wait for room in the order in which they came.

Must not know what the room is for. It is used under its owner's lock, which it releases while waiting.

Use: `with waiters.wait(5.0): …`, and `waiters.next()` whenever there may be room.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["FairWaiter"]


class FairWaiter:
    """One queue of waiting callers. `has_room` is called under the lock."""

    def __init__(self, lock: threading.RLock, has_room: Callable[[], bool]) -> None:
        self._lock, self._has_room = lock, has_room
        self._waiting: deque[threading.Condition] = deque()  # the first one first

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @contextmanager
    def wait(self, patience: Callable[[], float]) -> Iterator[bool]:
        """Wait for as many seconds as `patience` returns; yield whether there is room. It is its turn inside."""
        mine = threading.Condition(self._lock)  # one for each caller, so that only the first one wakes
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
        """Wake the first caller, if there is room."""
        if self._waiting and self._has_room():
            self._waiting[0].notify()
