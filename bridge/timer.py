"""Call a function at a given time, once or repeatedly.

One thread waits for the time, and lives only while there is a time to wait for. It runs on plain threads
as well as on eventlet's green ones. Must not know what the function does.

Use: `timer = Timer(expire, "bridge-expiry"); timer.set(time.monotonic() + 10)`; `expire()` returns the
time of its next call, or None.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

__all__ = ["Timer"]

log = logging.getLogger("bridge")

AGAIN = 1.0  # seconds until a function that failed is called again; twice as long each time, up to
LONGEST = 60.0


class Timer:
    """Calls `ring` at the time that was set. Its methods may be called from any thread, and from `ring`."""

    def __init__(self, ring: Callable[[], float | None], name: str) -> None:
        """`ring` returns the time (time.monotonic()) of its next call, or None; `name`: the thread's name."""
        self._ring, self._name = ring, name
        self._changed = threading.Condition()
        self._at: float | None = None
        self._waits = False  # whether there is a thread
        self._again = AGAIN

    def set(self, at: float) -> None:
        """Ring at this time, or earlier if an earlier time is set."""
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
        """Stop ringing until the next `set`. A call that is under way goes on."""
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
        except BaseException:  # it has to happen in the end, even if it failed once
            again, self._again = self._again, min(2 * self._again, LONGEST)
            log.exception("! what %s does failed because of a bug; it is tried again in %g s", self._name, again)
            return time.monotonic() + again

    def _is_time(self) -> bool:
        """Wait for the time. Return False if no time is set any more; then the thread ends."""
        with self._changed:
            while self._at is not None:
                left = self._at - time.monotonic()
                if left <= 0:
                    self._at = None
                    return True
                self._changed.wait(left)
            self._waits = False
            return False
