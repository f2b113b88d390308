"""Check each second whether the machine at the other end of the link is there, and whether its program reads.

peer_liveness.py judges; this module has the clock, and tells others. Must not know sockets.

Use: `watch = PeerWatch(on_gone, on_stall)`; `begin(look)`, `end()` for each connection.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from bridge.link.peer_liveness import EACH, STALLED, Judge, Vitals
from bridge.timer import Timer

__all__ = ["PeerWatch"]


class PeerWatch:
    """Watches the peer of one link.

    `stalled`: seconds for which the server has not read; 0 while it reads, or if that is not known. `on_gone`: called
    with the reason when the other machine is gone; `on_stall`: called with True when its program stops reading, and
    with False each time that has lasted twice as long, and when it reads again.
    """

    def __init__(self, on_gone: Callable[[str], None], on_stall: Callable[[bool], None]) -> None:
        self._on_gone, self._on_stall = on_gone, on_stall
        self._timer = Timer(self._look, "bridge-watch")
        self._vitals: Callable[[], Vitals | None] | None = None
        self._judge = Judge()
        self._tell_at = STALLED
        self.stalled = 0.0

    def begin(self, vitals: Callable[[], Vitals | None]) -> None:
        """Watch a new connection. `vitals`: looks at it; returns None where the system does not tell."""
        self._judge, self._vitals, self.stalled, self._tell_at = Judge(), vitals, 0.0, STALLED
        self._timer.set(time.monotonic() + EACH)

    def end(self) -> None:
        """Stop watching: the connection has ended."""
        self._vitals, self.stalled = None, 0.0
        self._timer.off()

    def given_up(self) -> str:
        """Say why the kernel has given up the last connection."""
        return self._judge.given_up()

    def _look(self) -> float | None:
        look, judge = self._vitals, self._judge
        vitals = None if look is None else look()
        if vitals is None or self._vitals is not look:  # over meanwhile
            return None
        verdict = judge.look(vitals)
        before, self.stalled = self.stalled, verdict.stalled
        if verdict.gone:
            self._on_gone(verdict.gone)
            return None
        if self.stalled >= self._tell_at:
            self._tell_at = 2 * self.stalled
            self._on_stall(not before)
        elif before and not self.stalled:
            self._tell_at = STALLED
            self._on_stall(False)
        return time.monotonic() + EACH
