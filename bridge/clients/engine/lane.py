"""What has to be done for one client in order, and may take its time: handlers, python-socketio's own affairs.

A green thread lives as long as there is something in the lane, and none while there is not. Must
not know what is done.

Use: `lane = Lane(log_it, when_empty); lane.add(function, argument)`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import eventlet

__all__ = ["Lane"]


class Lane:
    """Jobs in order. `failed` is called in an exception's context; `empty` when the last job is done."""

    __slots__ = ("_empty", "_failed", "_jobs")

    def __init__(self, failed: Callable[[], None], empty: Callable[[], None]) -> None:
        self._failed, self._empty = failed, empty
        self._jobs: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()

    def add(self, job: Callable[..., object], *args: object) -> None:
        """Do this after all that was added before."""
        self._jobs.append((job, args))
        if len(self._jobs) == 1:
            eventlet.spawn_n(self._work)

    def _work(self) -> None:
        while self._jobs:
            job, args = self._jobs[0]
            try:
                job(*args)
            except Exception:  # what a user's function raises is this one client's trouble
                self._failed()
            self._jobs.popleft()
        self._empty()
