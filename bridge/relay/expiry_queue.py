"""Call a function for each key some time after it was added, unless it is discarded before.

All keys of a queue wait equally long, so the queue is in order by itself. Must not know what the keys are.

Use: `queue = ExpiryQueue(5.0, gone, most=50_000); queue.add(sid); queue.discard(sid)`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from bridge.timer import Timer

__all__ = ["ExpiryQueue"]

log = logging.getLogger("bridge")


class ExpiryQueue:
    """`interval`: seconds; `most`: if there are more keys, the oldest are due early. `due` is called in a thread of the
    queue's own."""

    def __init__(self, interval: float, due: Callable[[str], object], most: int) -> None:
        self._interval, self._due, self._most = interval, due, most
        self._lock = threading.Lock()  # around the timer as well, so that it is set while there is a key
        self._keys: dict[str, float] = {}
        self._closed = False
        self._timer = Timer(self._expire, "bridge-waiting")

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def add(self, key: str) -> None:
        """Add a key. If it is there already, its time starts again."""
        with self._lock:
            if self._closed:
                return
            now = time.monotonic()
            self._keys.pop(key, None)
            self._keys[key] = now + self._interval
            self._timer.set(now if len(self._keys) > self._most else now + self._interval)  # an earlier time stays

    def discard(self, key: str) -> None:
        """Remove a key; no error if it is not there."""
        with self._lock:
            self._keys.pop(key, None)
            if not self._keys:
                self._timer.off()

    def close(self) -> None:
        """Drop all keys; nothing is due any more. May be called twice."""
        with self._lock:
            self._closed = True
            self._keys.clear()
            self._timer.off()

    def _expire(self) -> None:
        while (key := self._next()) is not None:
            try:
                self._due(key)
            except BaseException:  # a bug; the other keys are still due
                log.exception("! what was due failed because of a bug")

    def _next(self) -> str | None:
        """Return the next key that is due. If none is, set the timer for the first one, and return None."""
        with self._lock:
            if not self._keys:
                return None
            key, until = next(iter(self._keys.items()))
            if until > time.monotonic() and len(self._keys) <= self._most:
                self._timer.set(until)
                return None
            del self._keys[key]
            return key
