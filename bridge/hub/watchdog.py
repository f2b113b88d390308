"""Watches from a thread of its own whether the hub's comes round, and says by file and line what keeps it.

Nothing is done for it while the hub waits, and next to nothing while it works: it is asked, some twenty times a second,
to come round. Must not know what it does.

Use: `watchdog = Watchdog(crossing, counters); watchdog.run()`; `watchdog.status`.
"""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter
from types import FrameType
from typing import Any

from eventlet.hubs import get_hub
from eventlet.patcher import original

from bridge.counters import Counters
from bridge.hub.cross_thread_calls import CrossThreadCalls
from bridge.hub.culprit import Culprit, culprit
from bridge.hub.thread_usage import ThreadUsage, held

__all__ = ["LONGEST", "Watchdog"]

_threading: Any = original("threading")

log = logging.getLogger("bridge")

LONGEST = 0.2  # seconds that one may hold all others up
LOOK = 0.05  # seconds between two looks
STILL = 10.0  # seconds after which it is said of one that holds on; else it is said when it is over


class Watchdog:
    """Of the thread in which it is made, which is the hub's. `status`: the last one that held all others up, None if
    there was none: where, for how many seconds, when (epoch seconds)."""

    def __init__(self, crossing: CrossThreadCalls, counters: Counters) -> None:
        self._crossing, self._counters = crossing, counters
        self._last = time.monotonic()  # when it looked last
        self._poll = getattr(getattr(get_hub(), "do_poll", None), "__code__", None)
        self._hub = ThreadUsage(_threading.get_native_id())
        self._over = _threading.Event()
        self._asked: int | None = None  # how often it had come round when it was asked to
        self._since = 0.0  # when that was
        self._seconds = 0.0  # that it has been held since, not counting those in which it could not run
        self._said = STILL  # the next time that is said
        self._culprits: Counter[Culprit] = Counter()
        self.status: dict[str, object] | None = None

    def run(self) -> None:
        """Begin to look, in a thread."""
        self._last = time.monotonic()
        _threading.Thread(target=self._run, name="bridge-watchdog", daemon=True).start()

    def close(self) -> None:
        """Stop looking. May be called twice."""
        self._over.set()

    def _run(self) -> None:
        own = ThreadUsage(_threading.get_native_id())
        try:
            while not self._over.wait(LOOK):
                # First of all: who kept the interpreter goes on as soon as this thread reads a file.
                frame = sys._current_frames().get(self._crossing.thread)
                now = time.monotonic()
                passed, self._last = now - self._last, now
                waits = frame is None or frame.f_code is self._poll  # for something to do
                self._look(None if waits else frame, held(passed, LOOK, self._hub.took(waits), own.took(waits=True)))
        except Exception:  # a bug, but all that it watches goes on
            log.exception("! the watchdog failed: what holds all others up is not named any more")
        own.close()
        self._hub.close()

    def _look(self, frame: FrameType | None, seconds: float) -> None:
        """It was in this frame, None if it waits, and held for so many seconds since the last look, if it has not
        come round."""
        if self._asked is not None and self._crossing.turns != self._asked:
            self._came_round(self._crossing.turned)
        if frame is None:
            self._came_round(self._last)
            return
        if self._asked is None:
            self._asked, self._since = self._crossing.turns, self._last - (seconds if seconds > LONGEST else 0.0)
            self._crossing.knock()
            if seconds <= LONGEST:
                return
            # else it ran all the time since the last look and let nobody else: it kept the interpreter
        self._seconds += seconds
        self._culprits[culprit(frame)] += 1
        if self._seconds >= self._said:
            self._said *= 2
            log.warning("! all others have been waiting for %.0f s for %s", self._last - self._since, self._worst())

    def _came_round(self, at: float) -> None:
        seconds = self._seconds + max(0.0, min(LOOK, at - self._last + LOOK)) * (self._seconds > 0)
        # It may have been held for a while before it was asked.
        if seconds > LONGEST - LOOK and self._culprits:
            self._crossing.post(self._report, self._worst(), max(at - self._since, seconds))
        self._asked, self._seconds, self._said = None, 0.0, STILL
        self._culprits.clear()

    def _worst(self) -> Culprit | None:
        """Where it was seen most often, in the handlers' own code if it was there at all."""
        return max(self._culprits, key=lambda each: (each.own, self._culprits[each]), default=None)

    def _report(self, where: Culprit | None, seconds: float) -> None:
        """Count and log it, in the hub's thread."""
        self.status = {"where": str(where), "seconds": round(seconds, 2), "t": time.time()}
        self._counters.note(
            "hub_blocked", "! all others had to wait for %.1f s for %s", seconds, where, kind=_kind(where)
        )


def _kind(where: Culprit | None) -> str:
    """One line each 10 s for a function: a loop is seen at each of its lines."""
    return f"{where.file} {where.function}" if where is not None else ""
