"""Runs what blocks in threads of the system: few, made when they are needed, and kept.

eventlet's own pool is for whoever uses it, its threads end with a SystemExit, and it waits for them when the process
ends. Must not know what is called.

Use: `workers = WorkerPool(crossing)`; `workers.run(function, 1)` in a green thread, which waits, and others run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from eventlet.event import Event
from eventlet.patcher import original

from bridge.hub.cross_thread_calls import CrossThreadCalls, Outcome

__all__ = ["MOST", "WorkerPool"]

_threading: Any = original("threading")

MOST = 16  # threads; of SQLite, which they mostly wait for, one may write at a time


class _Job(Outcome):
    """`over` is told in the hub's thread, when its outcome is there."""

    __slots__ = ("over",)

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        super().__init__(function, args)
        self.over = Event()


class WorkerPool:
    """At most `most` threads. What waits for one is in order, and one for each green thread that calls."""

    def __init__(self, crossing: CrossThreadCalls, most: int = MOST) -> None:
        self._crossing, self._most = crossing, most
        self._changed = _threading.Condition()  # a real one, which is held for moments
        self._jobs: deque[_Job] = deque()
        self._threads = self._idle = 0

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call `function(*args)` in a worker, and return what it returns or raise what it raises."""
        job = _Job(copy_context().run, (function, *args))  # or flask.request would be nobody's there
        with self._changed:
            self._jobs.append(job)
            if self._idle >= len(self._jobs):
                self._changed.notify()
            elif self._threads < self._most:
                self._threads += 1
                name = f"bridge-worker-{self._threads}"
                _threading.Thread(target=self._work, name=name, daemon=True).start()
        job.over.wait()
        return job.outcome()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._idle += 1
                while not self._jobs:
                    self._changed.wait()
                self._idle -= 1
                job = self._jobs.popleft()
            job.make()
            self._crossing.post(job.over.send)
            del job  # or an idle worker would keep what it was given last
