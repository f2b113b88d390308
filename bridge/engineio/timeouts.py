"""Calls what is due for sessions in time: pings, pongs, first packets, farewells, packets that are not whole.

All that wait in one queue wait equally long, so the queue is in order by itself, and a session
costs no timer and no green thread. The clock is the monotonic one: a wall clock that jumps ends
nobody. Must not know what becomes due.

Use: `pings = TimeoutQueue(25.0, Session.ping); pings.add(session)`; `SessionTimeouts(pings, …).run()`, in a green
thread.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

import eventlet

from bridge.engineio.states import Action

__all__ = ["SessionTimeouts", "TimeoutQueue", "until_due"]

T = TypeVar("T")

#: Of an interval that something may be late: what is due within it is done in one turn, 4 a second of pings.
LATE = 1 / 100
AT_LEAST = 0.001  # seconds of sleep
STOOD_STILL = 0.5  # seconds that the process did nothing: it was stopped, or the machine slept
READ_FIRST = 0.1  # seconds for what came meanwhile
LONGEST_TURN = 0.002  # seconds; then others have theirs

log = logging.getLogger("bridge.clients")


class TimeoutQueue(Generic[T]):
    """A queue of what is due `interval` seconds after it was added, unless it was removed before."""

    def __init__(self, interval: float, due: Callable[[T], None]) -> None:
        self.interval, self._due = interval, due
        self._queue: dict[T, float] = {}

    def add(self, item: T) -> None:
        """Have it due in an interval; anew, if it was there already."""
        self._queue.pop(item, None)
        self._queue[item] = time.monotonic() + self.interval

    def discard(self, item: T) -> None:
        """Take it back; no error if it is not there."""
        self._queue.pop(item, None)

    @property
    def next(self) -> float:
        """When `run` is to be called next, by the monotonic clock; never if nothing waits."""
        for when in self._queue.values():
            return when + self.interval * LATE
        return math.inf

    @property
    def oldest(self) -> T:
        """What is due first. Raises StopIteration if nothing waits."""
        return next(iter(self._queue))

    def __contains__(self, item: T) -> bool:
        return item in self._queue

    def __len__(self) -> int:
        return len(self._queue)

    def run(self) -> None:
        """Do what is due. It may yield in between."""
        now = time.monotonic()
        due: list[T] = []
        for item, when in self._queue.items():
            if when > now:
                break
            due.append(item)
        turn_ends = now + LONGEST_TURN
        for item in due:
            if self._queue.pop(item, None) is not None:
                self._call(item)
            if time.monotonic() > turn_ends:
                eventlet.sleep(0)
                turn_ends = time.monotonic() + LONGEST_TURN

    def _call(self, item: T) -> None:
        try:
            self._due(item)
        except Exception:  # a bug, but of one session: this green thread is everybody's
            log.exception("! what was due for %s failed because of a bug", item)


def until_due(*queues: TimeoutQueue[T]) -> float:
    """Seconds to sleep before these are to be run."""
    now = time.monotonic()
    # What is added meanwhile is not due before its interval is over.
    return max(AT_LEAST, min(min(queue.interval, queue.next - now) for queue in queues))


class SessionTimeouts(NamedTuple, Generic[T]):
    """The queues of what a session may have to do in time."""

    pings: TimeoutQueue[T]
    pongs: TimeoutQueue[T]
    joins: TimeoutQueue[T]
    upgrades: TimeoutQueue[T]
    farewells: TimeoutQueue[T]
    packets: TimeoutQueue[Any]  # what holds a part of one, see unfinished_input.py

    def follow(self, action: Action, item: T) -> None:
        """Set and drop the time limits of a session, as this action has it."""
        if action is Action.LIMIT_PROBE:
            self.upgrades.add(item)
        elif action is Action.END_PROBE:
            self.upgrades.discard(item)
        elif action.ends:
            self.discard(item)
        if action is Action.SAY_FAREWELL:
            self.farewells.add(item)

    def ponged(self, item: T) -> bool:
        """Have the next ping due after its interval, and return True, if a session was asked for this pong."""
        awaited = item in self.pongs
        if awaited:
            self.pongs.discard(item)
            self.pings.add(item)
        return awaited

    def discard(self, item: T) -> None:
        """Take back all that a session has to do."""
        for queue in self:
            queue.discard(item)

    def run(self) -> None:
        """Call what is due of all queues, for ever."""
        while True:
            began, pause = time.monotonic(), until_due(*self)
            eventlet.sleep(pause)
            if time.monotonic() - began > pause + STOOD_STILL:
                eventlet.sleep(READ_FIRST)  # what came meanwhile: it may be the answer that is overdue
            for queue in self:
                if len(queue):
                    queue.run()
