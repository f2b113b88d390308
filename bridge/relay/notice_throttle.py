"""How often the clients are told of something that changes: at once, but no more than a few times in a row.

What was passed over is not lost: the last state is told as soon as the next telling is due. Must not know what is told.

Use: `pace = NoticeThrottle(tell, name); pace.changed()` calls `tell()` now or, if that has been often, a little later.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from bridge.timer import Timer

__all__ = ["AT_ONCE", "EVERY", "NoticeThrottle"]

AT_ONCE = 6  # a link that breaks and is back, twice: three changes each
EVERY = 1.0  # seconds until one more may be told; a page shows no more than that to people


class NoticeThrottle:
    """Calls `tell` at once up to AT_ONCE times, then every EVERY seconds. `changed` may be called from any thread."""

    def __init__(self, tell: Callable[[], None], name: str) -> None:
        self._tell = tell
        self._timer = Timer(self._due, name)
        self._lock = threading.Lock()
        self._left, self._since = float(AT_ONCE), time.monotonic()
        self._pending = False

    def changed(self) -> None:
        """There is something new to tell."""
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
