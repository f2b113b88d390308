"""Does what has to be done for one client in order and may take its time: handlers, python-socketio's own affairs.

A green thread lives as long as there is a task, and none while there is not. Must not know what is done.

Use: `tasks = ClientTaskQueue(log_it, when_empty); tasks.add(function, argument)`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import eventlet

__all__ = ["ClientTaskQueue"]


LONGEST_TURN = 0.002  # seconds; then others have theirs
NOTHING = 0.05  # seconds; the turns of other green threads alone may take as long


class ClientTaskQueue:
    """Calls functions one at a time, in the order in which they were added."""

    __slots__ = ("_began", "_empty", "_failed", "_running", "_tasks")

    def __init__(self, failed: Callable[[BaseException], None], empty: Callable[[], None]) -> None:
        self._failed = failed  # is told what a task raised
        self._empty = empty  # is called after the last task
        self._began = time.monotonic()
        self._running = False
        self._tasks: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()

    @property
    def age(self) -> float:
        """Seconds since it was begun; 0 if that is next to nothing."""
        age = time.monotonic() - self._began
        return age if age > NOTHING else 0.0

    def add(self, task: Callable[..., object], *args: object) -> None:
        """Do this after all that was added before."""
        self._tasks.append((task, args))
        if not self._running:  # an empty deque does not tell: a worker may be letting others have their turn
            self._running = True
            eventlet.spawn_n(self._run)

    def _run(self) -> None:
        turn_ends = time.monotonic() + LONGEST_TURN
        while self._tasks:
            task, args = self._tasks[0]
            try:
                task(*args)
            except BaseException as error:  # a user's function may raise eventlet.Timeout, which is no Exception
                self._failed(error)
            finally:
                self._tasks.popleft()
            if time.monotonic() > turn_ends:
                eventlet.sleep(0)
                turn_ends = time.monotonic() + LONGEST_TURN
        self._running = False
        self._empty()
