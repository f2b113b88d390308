"""Log a changing state: news at once, repetitions later as one line with their number.

Without this, a server that closes each connection at once, or is away for an hour, would fill the log with the same two
lines. The log's last line is true within a second. Must not know which states there are.

Use: `changes = StateLog(log)`; `changes.say(logging.INFO, "connected", "connected to localhost:8000")`.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

from bridge.timer import Timer

__all__ = ["QUIET", "REMIND", "SETTLED", "StateLog"]

QUIET = 10.0  # seconds in which a repeated line is no news; as in counters.py
SETTLED = 1.0  # seconds after which a repeated state is logged, if it has lasted
REMIND = 60.0  # seconds until a state that has not changed is logged again


@dataclass(frozen=True, slots=True)
class _Line:
    level: int
    kind: str
    text: str


class StateLog:
    """Logs the states of one thing. `say` may be called from any thread."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._timer = Timer(self._look, "bridge-changes")
        self._lock = threading.Lock()
        self._said: dict[str, float] = {}  # kind -> when it was logged: those of the last QUIET seconds
        self._last = ""  # the kind of the last line
        self._pending: _Line | None = None
        self._due = 0.0
        self._unsaid = 0

    def say(self, level: int, kind: str, text: str) -> None:
        """Log that the state is now of this kind. Lines of one kind differ only in figures."""
        line, now = _Line(level, kind, text), time.monotonic()
        with self._lock:
            self._said = {each: at for each, at in self._said.items() if now - at < QUIET or each == self._last}
            if self._pending is not None:
                self._unsaid += 1
            if kind == self._last:  # the log's last line is still true
                self._pend(line, self._reminder(kind), now)
            elif kind in self._said:
                self._pend(line, now + SETTLED, now)
            else:
                self._write(line, now)

    def close(self) -> None:
        """Log what is pending. May be called twice."""
        with self._lock:
            if self._pending is not None and self._pending.kind != self._last:
                self._write(self._pending, time.monotonic())
            self._pending = None
        self._timer.off()

    def _reminder(self, kind: str) -> float:
        """Return when the last line is to be logged again, with the number of changes since."""
        if self._pending is None:
            return self._said[kind] + REMIND
        return self._due if self._pending.kind == kind else self._said[kind] + QUIET

    def _pend(self, line: _Line, due: float, now: float) -> None:
        self._log.debug("= %s", line.text)
        self._pending, self._due = line, due
        if due <= now:
            self._write(line, now)
        else:
            self._timer.set(due)

    def _write(self, line: _Line, now: float) -> None:
        more = f" ({self._unsaid} more changes since the line before)" if self._unsaid else ""
        self._log.log(line.level, "= %s%s", line.text, more)
        self._pending, self._unsaid = None, 0
        self._last = line.kind
        self._said[line.kind] = now

    def _look(self) -> float | None:
        with self._lock:
            now = time.monotonic()
            if self._pending is None:
                return None
            if now < self._due:
                return self._due
            self._write(self._pending, now)
            return None
