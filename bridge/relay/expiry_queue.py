"""Call a function for each key some time after it was added, unless it is discarded before.

All keys of a queue wait equally long, so the queue is in order by itself. One thread lives while a key waits. Must not
know what the keys are.

Use: `queue = ExpiryQueue(5.0, gone, most=50_000); queue.add(sid); queue.discard(sid)`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

__all__ = ["ExpiryQueue"]

log = logging.getLogger("bridge")


class ExpiryQueue:
    """`interval`: seconds; `most`: if there are more keys, the oldest are due early. `due` is called in a thread of the
    queue's own."""

    def __init__(self, interval: float, due: Callable[[str], object], most: int) -> None:
        self._interval, self._due, self._most = interval, due, most
        self._changed = threading.Condition()
        self._line: dict[str, float] = {}
        self._runs = self._closed = False

    def __len__(self) -> int:
        return len(self._line)

    def __contains__(self, key: str) -> bool:
        return key in self._line

    def add(self, key: str) -> None:
        """Add a key. If it is there already, its time starts again."""
        with self._changed:
            if self._closed:
                return
            self._line.pop(key, None)
            self._line[key] = time.monotonic() + self._interval
            if not self._runs:
                self._runs = True
                threading.Thread(target=self._run, name="bridge-waiting", daemon=True).start()
            elif len(self._line) > self._most:
                self._changed.notify()

    def discard(self, key: str) -> None:
        """Remove a key; no error if it is not there."""
        with self._changed:
            self._line.pop(key, None)
            if not self._line:
                self._changed.notify()

    def close(self) -> None:
        """Drop all keys; nothing is due any more. May be called twice."""
        with self._changed:
            self._closed = True
            self._line.clear()
            self._changed.notify()

    def _run(self) -> None:
        try:
            while (key := self._next()) is not None:
                self._call(key)
        except BaseException:  # a bug
            log.exception("! the thread of those that wait failed because of a bug; it begins anew")
            threading.Thread(target=self._run, name="bridge-waiting", daemon=True).start()

    def _call(self, key: str) -> None:
        try:
            self._due(key)
        except BaseException:  # a bug; the other keys are still due
            log.exception("! what was due failed because of a bug")

    def _next(self) -> str | None:
        """Wait for the next key that is due and return it; None if no key waits."""
        with self._changed:
            while self._line:
                key, when = next(iter(self._line.items()))
                left = when - time.monotonic()
                if left <= 0 or len(self._line) > self._most:
                    del self._line[key]
                    return key
                self._changed.wait(left)
            self._runs = False
            return None
