"""Whether the link has to wait for the clients, so that the server is slowed down rather than they cut off.

It waits while every client is behind, unless none has taken anything for two seconds: then their
limits decide. For one that only fell behind just now it waits a moment, as one that reads in
large pieces is behind between them; one that stays behind nobody waits for, nor for one that has
been over its limit. Must not know outboxes.

Use: `pressure.joined(outbox)`; `pressure.fell_behind(outbox)`; in the link's thread `pressure.wait()`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable

__all__ = ["Backpressure"]

NO_PROGRESS = 2.0  # seconds that the link waits for clients of which none takes anything
MOMENT = 0.1  # seconds for a client that fell behind just now, or that a wait for all has left behind


class Backpressure:
    """All clients that count, and those that are behind."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Event()
        self._progress = clock()
        self._clients: set[Hashable] = set()
        self._behind: set[Hashable] = set()
        self._over: set[Hashable] = set()  # those of them that have been over their limit
        self._recent: dict[Hashable, float] = {}  # those of them that are waited for, and until when; in order

    @property
    def high(self) -> bool:
        """Whether to wait."""
        return self._all_are_behind() or self._some_just_fell()

    def joined(self, client: Hashable) -> None:
        """One more client."""
        self._clients.add(client)
        self._changed.set()

    def left(self, client: Hashable) -> None:
        """One less."""
        self._clients.discard(client)
        self.caught_up(client)

    def fell_behind(self, client: Hashable) -> None:
        """More waits for it than a segment of a burst."""
        self._behind.add(client)
        self._recent[client] = self._clock() + MOMENT
        if len(self._behind) == len(self._clients):
            self._progress = self._clock()  # from now on they have their two seconds

    def caught_up(self, client: Hashable) -> None:
        """Not any more."""
        self._behind.discard(client)
        self._over.discard(client)
        self._recent.pop(client, None)
        self._changed.set()

    def over_limit(self, client: Hashable) -> None:
        """It is slow, and not only for a moment."""
        self._over.add(client)
        self._recent.pop(client, None)
        self._changed.set()

    def progress(self) -> None:
        """A client that was behind took something."""
        self._progress = self._clock()

    def wait(self) -> bool:
        """Wait while it is high; whether it was."""
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
        """One has caught up; those whose turn was not yet have a moment, too."""
        until = self._clock() + MOMENT
        for client in self._behind - self._over:
            self._recent[client] = until
