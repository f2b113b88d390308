"""Log the first event of each name that no handler takes, if there are handlers.

Must not know what becomes of the events.

Use: `unheard = UnhandledEvents(hooks); unheard.heard("message")`.
"""

from __future__ import annotations

import logging

from bridge.counters import shorten
from bridge.relay.handlers import Hooks

__all__ = ["UnhandledEvents"]

log = logging.getLogger("bridge")

MOST = 100  # names; if there are more, somebody makes them up


class UnhandledEvents:
    """Knows the names that were logged."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._names: set[str] = set()

    def heard(self, name: str) -> None:
        """Log that an event of this name is relayed as it is, unless that was said before."""
        if name in self._names or len(self._names) > MOST or not self._hooks.any:
            return
        self._names.add(name)
        if len(self._names) > MOST:
            log.info("= more events than %d names are relayed though no handler takes them", MOST)
            return
        log.info("= the event %s is relayed though no handler takes it (--unhandled drop refuses such)", shorten(name))
