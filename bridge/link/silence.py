"""Notice that the server is idle, and for how long.

A server that has nothing to say is quiet and well; one whose actor has died says nothing either, and keeps its
connection. From here the two look alike, so silence is shown, and only acted on if the settings say so. Must not know
sockets, nor what is said.

Use: `silence = Silence(30.0, 0.0, on_change=…, on_limit=…)`; `begin()`, `heard()`, `listens()`, `end()`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from bridge.timer import Timer

__all__ = ["Silence"]


class Silence:
    """The silence of one link.

    `warn`: seconds until the link counts as silent; `limit`: until that is too long; 0: never. `on_change`: called when
    `silent` has changed; `on_limit`: when it is too long.
    """

    def __init__(
        self, warn: float, limit: float, *, on_change: Callable[[], None], on_limit: Callable[[], None]
    ) -> None:
        self._warn, self._limit, self._on_change, self._on_limit = warn, limit, on_change, on_limit
        self._lock = threading.Lock()
        self._timer = Timer(self._look, "bridge-silence")
        self._heard: float | None = None  # when, by time.monotonic(); None while there is no connection
        self._listens = True
        self.silent = False

    def begin(self) -> None:
        """Begin a connection."""
        self.silent, self._listens, self._heard = False, True, time.monotonic()
        self._set(self._heard)

    def heard(self) -> None:
        """Note that the server has said something; until `listens()` nobody reads, so its silence does not count.

        Called for each read, so it has to be quick.
        """
        self._listens = False
        self._heard = now = time.monotonic()
        if self.silent:
            with self._lock:
                was, self.silent = self.silent, False
            self._set(now)
            if was:
                self._on_change()

    def listens(self) -> None:
        """Note that the reader waits for the server again: from now on its silence counts."""
        self._heard = time.monotonic()
        self._listens = True

    def end(self) -> None:
        """End a connection."""
        with self._lock:
            self._heard, self.silent = None, False
        self._timer.off()

    def _set(self, heard: float) -> None:
        times = [seconds for seconds in (self._warn, self._limit) if seconds]
        if times:
            self._timer.set(heard + min(times))

    def _look(self) -> float | None:
        """Check both times. Return when to look again."""
        with self._lock:
            heard = self._heard
            if heard is None:
                return None
            quiet = time.monotonic() - heard if self._listens else 0.0
            changed = bool(self._warn) and quiet >= self._warn and not self.silent
            self.silent = self.silent or changed
            if changed and self._heard != heard:  # it has just spoken: `heard` may have looked before `silent` was set
                self.silent = changed = False
                heard, quiet = self._heard or heard, 0.0
        if changed:
            self._on_change()
        if self._limit and quiet >= self._limit:
            self._on_limit()
            return None
        since = heard if self._listens else time.monotonic()
        following = [since + seconds for seconds in (self._warn, self._limit) if seconds > quiet]
        return min(following, default=None)
