"""Compute how long to wait before the next attempt to connect.

Exponential, with jitter so that many bridges do not come back to a server all at once. A refusal costs next to
nothing, and says that the machine is there and its program may be back in a moment: so the next attempt comes soon,
for a while, and as long as somebody waits. Must not know what is attempted.

Use: `delays = Backoff(10.0)`; `wait(delays.next())` after a failure, `delays.reset()` after a success.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

__all__ = ["FIRST_DELAY", "LAST_DELAY", "REFUSED_DELAY", "WHILE", "Backoff"]

FIRST_DELAY, LAST_DELAY = 0.2, 10.0  # seconds; Node-RED's TCP node waits 10
REFUSED_DELAY = 1.0  # seconds at most after an attempt that was refused
WHILE = 120.0  # seconds for which that holds: most servers that restart are back by then


class Backoff:
    """The seconds before each attempt, from FIRST_DELAY doubling to `last`, give or take a quarter."""

    def __init__(self, last: float = LAST_DELAY, clock: Callable[[], float] = time.monotonic) -> None:
        self._last, self._clock = last, clock
        self._base = FIRST_DELAY
        self._refused: float | None = None  # since when each attempt was refused

    def reset(self) -> None:
        """Start again from the shortest delay."""
        self._base, self._refused = FIRST_DELAY, None

    def next(self, refused: bool = False, waited_for: bool = False) -> float:
        """Return the next delay. `refused`: the last attempt was; `waited_for`: somebody waits for the connection."""
        if not refused:
            self._refused = None
        elif self._refused is None:
            self._refused = self._clock()
        soon = self._refused is not None and (waited_for or self._clock() - self._refused < WHILE)
        last = min(REFUSED_DELAY, self._last) if soon else self._last
        self._base = min(self._base, last)
        delay = self._base * random.uniform(0.75, 1.25)  # noqa: S311 - jitter, not a secret
        self._base = min(self._base * 2, last)
        return min(max(delay, FIRST_DELAY), last)
