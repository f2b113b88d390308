"""Something that is to happen in time, once or again and again.

One thread waits for the time, and lives only while there is one to wait for. It runs on plain threads
as on eventlet's green ones. Must not know what is to happen.

Use: `timer = Timer(expire, "bridge-expiry"); timer.set(time.monotonic() + 10)`; `expire()` returns when
it is to be called next, or None.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

__all__ = ["Timer"]

log = logging.getLogger("bridge")

AGAIN = 1.0  # seconds after which what failed is tried again; twice as long each time, up to
LONGEST = 60.0


class Timer:
    """Calls `ring` when it is time. Its methods may be called from any thread, and from `ring`."""

    def __init__(self, ring: Callable[[], float | None], name: str) -> None:
        """`ring` returns the time (by time.monotonic()) of the next call, or None; `name`: of the thread."""
        self._ring, self._name = ring, name
        self._changed = threading.Condition()
        self._at: float | None = None
        self._waits = False  # whether there is a thread
        self._again = AGAIN

    def set(self, at: float) -> None:
        """Ring at this time, unless it is to ring earlier anyway."""
        with self._changed:
            if self._at is not None and self._at <= at:
                return
            self._at = at
            if self._waits:
                self._changed.notify_all()
            else:
                self._waits = True
                threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def off(self) -> None:
        """Do not ring, until it is set again. A call that is under way goes on."""
        with self._changed:
            self._at = None
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            while self._is_time():
                at = self._rung()
                if at is not None:
                    self.set(at)
        except BaseException:  # a bug
            log.exception("! the thread %s failed because of a bug; it begins anew", self._name)
            with self._changed:
                self._waits, at, self._at = False, self._at, None
            if at is not None:
                self.set(at)

    def _rung(self) -> float | None:
        try:
            at, self._again = self._ring(), AGAIN
            return at
        except BaseException:  # what is to happen has to, whatever went wrong once
            again, self._again = self._again, min(2 * self._again, LONGEST)
            log.exception("! what %s does failed because of a bug; it is tried again in %g s", self._name, again)
            return time.monotonic() + again

    def _is_time(self) -> bool:
        """Wait; False if there is nothing to wait for any more, and then the thread is over."""
        with self._changed:
            while self._at is not None:
                left = self._at - time.monotonic()
                if left <= 0:
                    self._at = None
                    return True
                self._changed.wait(left)
            self._waits = False
            return False
