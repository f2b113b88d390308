"""A clock that stands still until it is moved, and timers that ring by it alone, in the test's own thread.

Use: `clock = Clock(monkeypatch)`; `clock.owns(silence._timer)`; `clock.later(1.0)`.
"""

from __future__ import annotations

import time

import pytest

from bridge.timer import Timer

__all__ = ["Clock"]


class Clock:
    """`now`: what time.monotonic() returns."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self._monkeypatch = monkeypatch
        self._due: dict[Timer, float] = {}
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def owns(self, timer: Timer) -> None:
        """Have the timer ring by this clock."""

        def begin(at: float) -> None:
            self._due[timer] = min(at, self._due.get(timer, at))

        self._monkeypatch.setattr(timer, "set", begin)
        self._monkeypatch.setattr(timer, "off", lambda: self._due.pop(timer, None))

    @property
    def waits(self) -> bool:
        """Whether any timer is to ring."""
        return bool(self._due)

    @property
    def next(self) -> float:
        """When the first of the timers is to ring."""
        return min(self._due.values())

    def later(self, seconds: float) -> None:
        """Let so much time pass, and each timer ring when it is due. What it calls may fail, which is the test's."""
        ends = self.now + seconds
        while self._due and min(self._due.values()) <= ends:
            timer = min(self._due, key=self._due.__getitem__)
            self.now = max(self.now, self._due.pop(timer))
            again = timer._ring()
            if again is not None:
                timer.set(again)
        self.now = ends
