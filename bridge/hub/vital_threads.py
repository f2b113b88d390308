"""Starts green threads without which a bridge is none: none of them ends unnoticed.

Must not know what they do, nor what follows from it.

Use: `VitalThread("poller", poller.run, on_end=stop)`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import eventlet

__all__ = ["VitalThread"]

log = logging.getLogger("bridge")


class VitalThread:
    """One such thread, which is started at once. `name`: in the log; `on_end`: called when it ends, however it does;
    `thread`: eventlet's."""

    def __init__(self, name: str, work: Callable[[], object], on_end: Callable[[], object]) -> None:
        self.name, self._work, self._on_end = name, work, on_end
        self.thread: Any = eventlet.spawn(self._run)

    def _run(self) -> None:
        try:
            self._work()
        except BaseException:  # GreenletExit too: nobody has any business to end it
            log.critical("! the bridge's %s failed; the bridge stops", self.name, exc_info=True)
        else:
            log.critical("! the bridge's %s ended of itself; the bridge stops", self.name)
        self._on_end()
