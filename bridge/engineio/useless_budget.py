"""How many pings, pongs, bad packets and bad events a client may send: so many a second, and so many at once.

Nobody has any use for them, and each takes its time. A budget is one number, the time at which it is whole again.

Use: `until, over = charge(until)` for each; it begins with 0.0.
"""

from __future__ import annotations

import time

__all__ = ["FLOOD", "charge"]

RATE, BURST = 200, 400
FLOOD = f"it sends more than {RATE} pings, bad packets or bad events a second"


def charge(until: float) -> tuple[float, bool]:
    """Take one from a budget that is whole again at `until`, by time.monotonic(). Return when it now is, and whether
    there was none left."""
    now = time.monotonic()
    until = max(now, until) + 1 / RATE
    return until, until > now + BURST / RATE
