"""What has to be done for one client in order, and may take its time: handlers, python-socketio's own affairs.

A green thread lives as long as there is something in the lane, and none while there is not. Must
not know what is done.

Use: `lane = ClientTaskQueue(log_it, when_empty); lane.add(function, argument)`.
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
    """Jobs in order. `failed` is called with what one raised; `empty` after the last one."""

    __slots__ = ("_empty", "_failed", "_jobs", "_since", "_works")

    def __init__(self, failed: Callable[[BaseException], None], empty: Callable[[], None]) -> None:
        self._failed, self._empty = failed, empty
        self._since = time.monotonic()
        self._works = False
        self._jobs: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()

    @property
    def age(self) -> float:
        """Seconds since it was begun; 0 if that is next to nothing."""
        age = time.monotonic() - self._since
        return age if age > NOTHING else 0.0

    def add(self, job: Callable[..., object], *args: object) -> None:
        """Do this after all that was added before."""
        self._jobs.append((job, args))
        if not self._works:  # an empty deque does not tell: a worker may be letting others have their turn
            self._works = True
            eventlet.spawn_n(self._work)

    def _work(self) -> None:
        turn_ends = time.monotonic() + LONGEST_TURN
        while self._jobs:
            job, args = self._jobs[0]
            try:
                job(*args)
            except BaseException as error:  # a user's function may raise eventlet.Timeout, which is no Exception
                self._failed(error)
            finally:
                self._jobs.popleft()
            if time.monotonic() > turn_ends:
                eventlet.sleep(0)
                turn_ends = time.monotonic() + LONGEST_TURN
        self._works = False
        self._empty()
