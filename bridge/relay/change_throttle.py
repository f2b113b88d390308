"""Limit how often clients are told of something that changes: at once, but only a few times in a row.

The last state is never lost: it is told as soon as another notice is due. Must not know what is told.

Use: `pace = ChangeThrottle(tell, name); pace.changed()` calls `tell()` now or, if that has been often, a little later.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from bridge.timer import Timer

__all__ = ["AT_ONCE", "EVERY", "ChangeThrottle"]

AT_ONCE = 6  # enough for a link that breaks and comes back twice, which is three changes each
EVERY = 1.0  # seconds until one more may be told; a page shows no more than that to people


class ChangeThrottle:
    """Calls `tell` at once up to AT_ONCE times, then every EVERY seconds. `changed` may be called from any thread."""

    def __init__(self, tell: Callable[[], None], name: str) -> None:
        self._tell = tell
        self._timer = Timer(self._due, name)
        self._lock = threading.Lock()
        self._left, self._since = float(AT_ONCE), time.monotonic()
        self._pending = False

    def changed(self) -> None:
        """Tell, now or when the next notice is due."""
        with self._lock:
            if self._pending:
                return
            now = time.monotonic()
            self._left = min(float(AT_ONCE), self._left + (now - self._since) / EVERY)
            self._since = now
            self._pending = self._left < 1
            if self._pending:
                self._timer.set(now + (1 - self._left) * EVERY)
                return
            self._left -= 1
        self._tell()

    def _due(self) -> None:
        with self._lock:
            self._pending, self._left, self._since = False, 0.0, time.monotonic()
        self._tell()
