"""Sessions whose time comes: pings, pongs, first packets, farewells.

All that wait in one queue wait equally long, so the queue is in order by itself, and a session
costs no timer and no green thread. The clock is the monotonic one: a wall clock that jumps ends
nobody. Must not know what becomes due.

Use: `pings = Deadlines(25.0, Session.ping); pings.add(session)`; `Queues(pings, …).run()`, in a green thread.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import eventlet

__all__ = ["Deadlines", "Queues"]

T = TypeVar("T")

LATEST = 0.25  # seconds that something may be late, if an interval does not ask for less
STOOD_STILL = 0.5  # seconds that the process did nothing: it was stopped, or the machine slept
LONGEST_TURN = 0.002  # seconds; then others have theirs


log = logging.getLogger("bridge.clients")


class Deadlines(Generic[T]):
    """What is due `interval` seconds after it was added, unless it was removed before."""

    def __init__(self, interval: float, due: Callable[[T], None]) -> None:
        self.interval, self._due = interval, due
        self._queue: dict[T, float] = {}

    def add(self, item: T) -> None:
        """Anew, if it was there already."""
        self._queue.pop(item, None)
        self._queue[item] = time.monotonic() + self.interval

    def discard(self, item: T) -> None:
        """No error if it is not there."""
        self._queue.pop(item, None)

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
            log.exception("! what was due for a client failed because of a bug")


@dataclass(frozen=True, slots=True)
class Queues(Generic[T]):
    """What a session may have to do in time."""

    pings: Deadlines[T]
    pongs: Deadlines[T]
    joins: Deadlines[T]
    upgrades: Deadlines[T]
    farewells: Deadlines[T]

    def discard(self, item: T) -> None:
        """It has nothing more to do."""
        for queue in self._all():
            queue.discard(item)

    def run(self) -> None:
        """Look after all of them, for ever."""
        tick = min(LATEST, *(queue.interval / 8 for queue in self._all()))
        while True:
            began = time.monotonic()
            eventlet.sleep(tick)
            if time.monotonic() - began > tick + STOOD_STILL:
                eventlet.sleep(tick)  # what came meanwhile is read first: it may be the answer that is overdue
            for queue in self._all():
                if len(queue):
                    queue.run()

    def _all(self) -> tuple[Deadlines[T], ...]:
        return self.pings, self.pongs, self.joins, self.upgrades, self.farewells
