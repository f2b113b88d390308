"""Decide when the link waits for the clients, so that the server is slowed down and no client is cut off.

The link waits while every client is behind, unless none has taken anything for two seconds: then their limits decide.
For a client that fell behind just now it waits a moment, because a client that reads in large pieces is behind between
them. It does not wait for one that stays behind, nor for one that has been over its limit. Must not know outboxes.

Use: `pressure.joined(outbox)`; `pressure.fell_behind(outbox)`; in the link's thread `pressure.wait()`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable

__all__ = ["Backpressure"]

NO_PROGRESS = 2.0  # seconds that the link waits while no client takes anything
MOMENT = 0.1  # seconds for a client that fell behind just now, or that a wait for all has left behind


class Backpressure:
    """Knows the clients that count, and which of them are behind."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Event()
        self._progress = clock()
        self._clients: set[Hashable] = set()
        self._behind: set[Hashable] = set()
        self._over: set[Hashable] = set()  # clients behind that have been over their limit
        self._recent: dict[Hashable, float] = {}  # clients behind -> until when to wait for them; in order

    @property
    def high(self) -> bool:
        """Whether the link has to wait now."""
        return self._all_are_behind() or self._some_just_fell()

    def joined(self, client: Hashable) -> None:
        """Count a client."""
        self._clients.add(client)
        self._changed.set()

    def left(self, client: Hashable) -> None:
        """Count a client no longer."""
        self._clients.discard(client)
        self.caught_up(client)

    def fell_behind(self, client: Hashable) -> None:
        """Note that a client is behind."""
        self._behind.add(client)
        self._recent[client] = self._clock() + MOMENT
        if len(self._behind) == len(self._clients):
            self._progress = self._clock()  # their two seconds begin now

    def caught_up(self, client: Hashable) -> None:
        """Note that a client is no longer behind."""
        self._behind.discard(client)
        self._over.discard(client)
        self._recent.pop(client, None)
        self._changed.set()

    def over_limit(self, client: Hashable) -> None:
        """Note that a client was over its limit: nobody waits for it any more."""
        self._over.add(client)
        self._recent.pop(client, None)
        self._changed.set()

    def progress(self) -> None:
        """Note that a client that was behind took something."""
        self._progress = self._clock()

    def wait(self) -> bool:
        """Wait while `high`. Return whether there was a wait."""
        if not self._behind or not self.high:
            return False
        while True:
            for_all = self._all_are_behind()
            if not for_all and not self._some_just_fell():
                return True
            self._changed.clear()
            self._changed.wait(self._longest())
            if for_all and not self._all_are_behind() and self._behind:
                self._after_all()

    def _all_are_behind(self) -> bool:
        all_are = 0 < len(self._clients) == len(self._behind)
        return all_are and self._clock() - self._progress < NO_PROGRESS

    def _some_just_fell(self) -> bool:
        now = self._clock()
        for client, until in list(self._recent.items()):
            if until > now:
                return True
            del self._recent[client]
        return False

    def _longest(self) -> float:
        until = self._progress + NO_PROGRESS
        if not self._all_are_behind() and self._recent:
            until = next(iter(self._recent.values()))
        return max(0.001, until - self._clock())

    def _after_all(self) -> None:
        """After a wait for all, when one has caught up: give the others a moment, too."""
        until = self._clock() + MOMENT
        for client in self._behind - self._over:
            self._recent[client] = until
