"""Whether one client is read: not while it has tasks to be done, nor while it leaves its answers unread.

So it is no faster than its handlers and the link, and what waits for it is bounded. Must not know how a client is
read, nor what its tasks do.

Use: `flow = FlowControl(session); flow.later(handler, argument)`; `session.pause()` is called, and `session.resume()`
when it is done.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from bridge.engineio.client_task_queue import ClientTaskQueue

__all__ = ["FlowControl", "Reader"]


class Reader(Protocol):
    """What reads the client."""

    def pause(self) -> None:
        """Read it no more."""

    def resume(self) -> None:
        """Read it again."""

    def task_failed(self, error: BaseException) -> None:
        """One of its tasks has raised this; the next one is done all the same."""


class FlowControl:
    """One client's."""

    __slots__ = ("_paused", "_reader", "_unread_since", "tasks")

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.tasks: ClientTaskQueue | None = None  # what is to be done for it in order; None: nothing is
        self._unread_since = 0.0  # since when it leaves its answers unread, by time.monotonic(); 0: it does not
        self._paused = 0.0  # seconds that it was not read, in pauses that are over

    @property
    def unread(self) -> bool:
        """Whether it leaves its answers unread."""
        return self._unread_since > 0.0

    @property
    def held(self) -> bool:
        """Whether it is not read."""
        return self.tasks is not None or self._unread_since > 0.0

    def later(self, job: Callable[..., object], *args: object) -> None:
        """Do this after all that is to be done for the client already; it is not read before."""
        if self.tasks is None:
            self.tasks = ClientTaskQueue(self._reader.task_failed, self._tasks_done)
            self._reader.pause()
        self.tasks.add(job, *args)

    def when_done(self, call: Callable[[], object]) -> bool:
        """Call this when all tasks are done; False if there are none."""
        if self.tasks is None:
            return False
        self.tasks.add(call)
        return True

    def stop(self) -> None:
        """It leaves its answers unread: read it no more."""
        self._unread_since = time.monotonic()
        self._reader.pause()

    def start(self) -> None:
        """It has read them: read it again, unless it has tasks."""
        self._paused += time.monotonic() - self._unread_since
        self._unread_since = 0.0
        self._resume()

    def paused_for(self) -> float:
        """Seconds that it was not read since `forget_pauses`. What was so for two reasons may be counted twice."""
        unread = time.monotonic() - self._unread_since if self._unread_since else 0.0
        return self._paused + max(unread, self.tasks.age if self.tasks is not None else 0.0)

    def forget_pauses(self) -> None:
        """Count them anew from now on."""
        self._paused = 0.0

    def _tasks_done(self) -> None:
        self._paused = self.paused_for()
        self.tasks = None
        self._resume()

    def _resume(self) -> None:
        if not self.held:
            self._reader.resume()
