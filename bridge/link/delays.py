"""How long to wait before the next attempt to connect.

Exponential, with jitter so that many bridges do not come back to a server all at once. Must not
know what is attempted.

Use: `delays = Delays()`; `wait(delays.next())` after a failure, `delays.reset()` after a success.
"""

from __future__ import annotations

import random

__all__ = ["FIRST_DELAY", "LAST_DELAY", "Delays"]

FIRST_DELAY, LAST_DELAY = 0.2, 10.0  # seconds; Node-RED's TCP node waits 10


class Delays:
    """The seconds before each attempt, from FIRST_DELAY doubling to LAST_DELAY, give or take a quarter."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self._base = FIRST_DELAY

    def next(self) -> float:
        """The next one."""
        delay = self._base * random.uniform(0.75, 1.25)  # noqa: S311 - jitter, not a secret
        self._base = min(self._base * 2, LAST_DELAY)
        return min(max(delay, FIRST_DELAY), LAST_DELAY)
