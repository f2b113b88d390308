"""Log the life of clients: a line, of one form, for each that connects, registers, leaves, is refused or is closed.

At most 100 lines a second; of what comes beyond that, one line says how much it was, of each kind. Must not know why.

Use: `client_log.line("leave", sid, user="ann", address="10.0.0.7", reason="transport close")`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Literal

from bridge.counters import shorten
from bridge.timer import Timer

__all__ = ["ClientLog", "LifeEvent"]

log = logging.getLogger("bridge.clients")

MOST = 100  # lines in
PERIOD = 1.0  # seconds

LifeEvent = Literal["connect", "register", "leave", "refused", "closed"]


class ClientLog:
    """The lines of one process. It may be called from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._began, self._lines = 0.0, 0
        self._more: Counter[str] = Counter()
        self._timer = Timer(self.sum_up, "bridge-client-log")

    def line(self, event: LifeEvent, sid: str, *, user: str | None = None, address: str = "", reason: str = "") -> None:
        """Log what has happened to a client, if there is room for a line."""
        if not log.isEnabledFor(logging.INFO) or not self._has_room(event):
            return
        named = "" if user in (None, sid) else f" user={shorten(user)}"
        where = f" address={address}" if address else ""
        log.info("= %s id=%s%s%s%s", event, sid, named, where, f" reason={shorten(reason)}" if reason else "")

    def _has_room(self, event: str) -> bool:
        with self._lock:
            now = self._clock()
            if now - self._began >= PERIOD and not self._more:
                self._began, self._lines = now, 0
            if self._lines < MOST:
                self._lines += 1
                return True
            if not self._more:
                self._timer.set(self._began + PERIOD)
            self._more[event] += 1
            return False

    def sum_up(self) -> None:
        """Log how much there was no room for, when the second is over."""
        with self._lock:
            more, self._more = self._more, Counter()
            self._began, self._lines = self._clock(), 1
        if more:
            log.info("= %d more: %s", more.total(), ", ".join(f"{kind} {n}" for kind, n in sorted(more.items())))
