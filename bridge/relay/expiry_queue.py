"""What is due a while after it was added, unless it is taken back before.

All that wait in one line wait equally long, so the line is in order by itself. One thread lives while
somebody waits. Must not know what becomes due.

Use: `line = ExpiryQueue(5.0, gone, most=50_000); line.add(sid); line.discard(sid)`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

__all__ = ["ExpiryQueue"]

log = logging.getLogger("bridge")


class ExpiryQueue:
    """`interval`: seconds; `most`: beyond so many the oldest are due before their time. `due` is called in the
    thread of this line's own."""

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
        """Anew, if it was there already."""
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
        """No error if it is not there."""
        with self._changed:
            self._line.pop(key, None)
            if not self._line:
                self._changed.notify()

    def close(self) -> None:
        """Nothing is due any more. May be called twice."""
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
        except BaseException:  # a bug, but the others are still due
            log.exception("! what was due failed because of a bug")

    def _next(self) -> str | None:
        """The next that is due, when it is; None if nothing waits."""
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
