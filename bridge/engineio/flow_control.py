"""Whether one client is read: not while it has tasks to be done, nor while it leaves its answers unread.

So it is no faster than its handlers and the link, and what waits for it is bounded. Its tasks, handlers and
python-socketio's own affairs, may take their time and are done in order: its lane. A green thread lives as long as
there is one, and none while there is not. Must not know how a client is read, nor what its tasks do.

Use: `flow = FlowControl(session); flow.later(handler, argument)`; `session.pause()` is called, and `session.resume()`
when it is done.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

import eventlet

__all__ = ["FlowControl", "Reader"]

_Tasks = deque[tuple[Callable[..., object], tuple[object, ...]]]

LONGEST_TURN = 0.002  # seconds; then others have theirs
NOTHING = 0.05  # seconds; the turns of other green threads alone may take as long


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

    __slots__ = ("_began", "_paused", "_reader", "_unread_since", "tasks")

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        #: What is to be done for it in order, with the one that is being done; None: nothing is.
        self.tasks: _Tasks | None = None
        self._began = 0.0  # when the first of them was added, by time.monotonic()
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
            self.tasks, self._began = deque(), time.monotonic()
            self._reader.pause()
            eventlet.spawn_n(self._run, self.tasks)
        self.tasks.append((job, args))

    def when_done(self, call: Callable[[], object]) -> bool:
        """Call this when all its tasks are done; False if there are none."""
        if self.tasks is None:
            return False
        self.tasks.append((call, ()))
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
        return self._paused + max(unread, self._busy())

    def forget_pauses(self) -> None:
        """Count them anew from now on."""
        self._paused = 0.0

    def _run(self, tasks: _Tasks) -> None:
        turn_ends = time.monotonic() + LONGEST_TURN
        while tasks:
            job, args = tasks[0]
            try:
                job(*args)
            except BaseException as error:  # a user's function may raise eventlet.Timeout, which is no Exception
                self._reader.task_failed(error)
            finally:
                tasks.popleft()
            if time.monotonic() > turn_ends:
                eventlet.sleep(0)
                turn_ends = time.monotonic() + LONGEST_TURN
        self._paused += self._busy()
        self.tasks = None
        self._resume()

    def _busy(self) -> float:
        """Seconds since its tasks began; 0 if it has none, or if that is next to nothing."""
        busy = time.monotonic() - self._began if self.tasks is not None else 0.0
        return busy if busy > NOTHING else 0.0

    def _resume(self) -> None:
        if not self.held:
            self._reader.resume()
