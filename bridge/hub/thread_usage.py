"""Measures how long one thread of the system has held what others wait for, by what the system says that it did.

Not counted is when it could not run: when the process was stopped, the machine slept, or others had the processor.
Linux tells that in /proc; elsewhere all time counts. Must not know what the thread does.

Use: `hub = ThreadUsage(threading.get_native_id())`; each 0.05 s `held(0.051, 0.05, hub.took(), own.took())`.
"""

from __future__ import annotations

import os
from typing import NamedTuple

__all__ = ["LATE", "ThreadUsage", "TimeTaken", "held"]

LATE = 0.1  # seconds that a look may be late; else the process did not run, or somebody kept the interpreter

_ASLEEP = frozenset(b"SDI")


class TimeTaken(NamedTuple):
    """Seconds in which a thread `ran`, and in which it was ready and others ran; whether it waits for something now."""

    ran: float
    queued: float
    asleep: bool


def held(passed: float, wanted: float, its: TimeTaken | None, own: TimeTaken | None) -> float:
    """Of the `passed` seconds since the last look, those in which it ran or waited for something. `wanted`: seconds
    that the one who looks meant to wait; `own`: what that one did."""
    if its is None or own is None:
        return 0.0 if passed > wanted + LATE else passed
    if passed > wanted + LATE:
        # Who looks could not: all was stopped, others had the processor, or it ran and kept the interpreter.
        return max(0.0, min(passed - wanted - own.queued, its.ran))
    if its.asleep:
        return max(0.0, passed - its.queued)
    return min(passed, its.ran)  # of one that is ready, the system does not say yet for how long it has not run


class ThreadUsage:
    """What the thread with this id does; the id is the system's."""

    def __init__(self, thread: int) -> None:
        self._files = [_opened(f"/proc/self/task/{thread}/{name}") for name in ("schedstat", "stat")]
        self._ran = self._queued = 0.0
        self.took()

    def took(self, waits: bool = False) -> TimeTaken | None:
        """What it did since the last look; None where the system does not tell. `waits`: it is known to wait, or
        whether it does is not asked: the system takes long to say so."""
        look = self._look(waits)
        if look is None:
            return None
        ran, queued, asleep = look
        took = TimeTaken(ran - self._ran, queued - self._queued, asleep)
        self._ran, self._queued = ran, queued
        return took

    def _look(self, waits: bool) -> tuple[float, float, bool] | None:
        """Seconds that it ran, and that it was ready and did not; whether it waits for something."""
        schedstat, stat = self._files
        if schedstat is None or stat is None:
            return None
        try:
            ran, queued, *_ = os.pread(schedstat, 128, 0).split()
            asleep = waits or os.pread(stat, 512, 0).rpartition(b") ")[2][0] in _ASLEEP
        except (OSError, ValueError, IndexError):
            return None
        return int(ran) / 1e9, int(queued) / 1e9, asleep

    def close(self) -> None:
        """Close its files. May be called twice."""
        files, self._files = self._files, [None, None]
        for file in files:
            if file is not None:
                os.close(file)


def _opened(path: str) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
