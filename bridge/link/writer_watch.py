"""Check each second whether the writer runs when it could: a link that is up and never sends looks healthy.

Looks are counted, not seconds: a process that stood still has not looked. Must not know what is written, nor sockets.

Use: `progress = WriterWatch(on_stuck)`; `begin(mark)`, `end()` for each connection.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from bridge.timer import Timer

__all__ = ["EACH", "LOOKS", "WriterWatch"]

EACH = 1.0  # seconds between two looks
LOOKS = 5  # looks in a row without progress, after which the writer counts as stuck


class WriterWatch:
    """Watches the writers of one link.

    `on_stuck`: called after LOOKS looks without progress, with the seconds for which the writer could have run and
    has not; `each`: seconds between two looks.
    """

    def __init__(self, on_stuck: Callable[[float], None], each: float = EACH) -> None:
        self._on_stuck, self._each = on_stuck, each
        self._timer = Timer(self._look, "bridge-writer-watch")
        self._mark: Callable[[], object | None] | None = None
        self._last: object | None = None
        self._same = 0

    def begin(self, mark: Callable[[], object | None]) -> None:
        """Watch a new connection.

        `mark`: returns how far its writer is; None while it has nothing to do or has to wait.
        """
        self._mark, self._last, self._same = mark, None, 0
        self._timer.set(time.monotonic() + self._each)

    def end(self) -> None:
        """Stop watching: the connection is over."""
        self._mark = None
        self._timer.off()

    def _look(self) -> float | None:
        look = self._mark
        if look is None:
            return None
        mark = look()
        if self._mark is not look:  # over meanwhile
            return None
        self._same = self._same + 1 if mark is not None and mark == self._last else 0
        self._last = mark
        if self._same >= LOOKS:
            self._on_stuck(LOOKS * self._each)
            return None
        return time.monotonic() + self._each
