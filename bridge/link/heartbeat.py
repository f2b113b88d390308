"""Send the server a frame at regular intervals, so that it knows that the bridge is there.

Must not know the link: a heartbeat while the link is down is not kept.

Use: `Heartbeat(b"ping", 10.0, queue.tell).run()`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from bridge.timer import Timer

__all__ = ["Heartbeat"]


class Heartbeat:
    """Calls `tell` with `payload` every `interval` seconds, from `run()` to `close()`."""

    def __init__(self, payload: bytes, interval: float, tell: Callable[[Sequence[bytes]], None]) -> None:
        self._payload, self._interval, self._tell = payload, interval, tell
        self._timer = Timer(self._beat, "bridge-heartbeat")
        self._over = False

    def run(self) -> None:
        """Begin; the first heartbeat comes after one interval."""
        self._timer.set(time.monotonic() + self._interval)

    def close(self) -> None:
        """Stop. May be called twice."""
        self._over = True
        self._timer.off()

    def _beat(self) -> float | None:
        if self._over:
            return None
        self._tell([self._payload])
        return time.monotonic() + self._interval
