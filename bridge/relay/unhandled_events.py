"""Events that no handler takes, although there are handlers: the first of each name is told.

Must not know what becomes of them.

Use: `unheard = UnhandledEvents(hooks); unheard.heard("message")`.
"""

from __future__ import annotations

import logging

from bridge.counters import shorten
from bridge.relay.handlers import Hooks

__all__ = ["UnhandledEvents"]

log = logging.getLogger("bridge")

MOST = 100  # names: beyond, somebody makes them up


class UnhandledEvents:
    """The names that were told."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._names: set[str] = set()

    def heard(self, name: str) -> None:
        """An event of this name is relayed as it is."""
        if name in self._names or len(self._names) > MOST or not self._hooks.any:
            return
        self._names.add(name)
        if len(self._names) > MOST:
            log.info("= more events than %d names are relayed though no handler takes them", MOST)
            return
        log.info("= the event %s is relayed though no handler takes it (--unhandled drop refuses such)", shorten(name))
