"""The log's lines of a state that changes: each that is news at once, the others in one with their number.

A server that closes each connection at once, or one that is away for an hour, would else fill the log with the same
two lines. What the log says last is true within a second. Must not know which states there are.

Use: `changes = StateLog(log)`; `changes.say(logging.INFO, "connected", "connected to localhost:8000")`.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

from bridge.timer import Timer

__all__ = ["QUIET", "REMIND", "SETTLED", "StateLog"]

QUIET = 10.0  # seconds in which a line is no news; as in counters.py
SETTLED = 1.0  # seconds after which a change that was no news is said, if it has lasted
REMIND = 60.0  # seconds until what has not changed is said again


@dataclass(frozen=True, slots=True)
class _Line:
    level: int
    kind: str
    text: str


class StateLog:
    """Of one thing that has states. `say` may be called from any thread."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._timer = Timer(self._look, "bridge-changes")
        self._lock = threading.Lock()
        self._said: dict[str, float] = {}  # kind -> when; of the last QUIET seconds, and the last one
        self._last = ""  # the kind of what was said last
        self._pending: _Line | None = None
        self._due = 0.0
        self._unsaid = 0

    def say(self, level: int, kind: str, text: str) -> None:
        """The state is now of this kind; the line is the same for all of the kind but for figures."""
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
        """Say what has not been said. May be called twice."""
        with self._lock:
            if self._pending is not None and self._pending.kind != self._last:
                self._write(self._pending, time.monotonic())
            self._pending = None
        self._timer.off()

    def _reminder(self, kind: str) -> float:
        """When the line that was said last is to be said again, with what has happened since."""
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
