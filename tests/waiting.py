"""A list that other threads fill and a test waits on: no test sleeps, each waits for what it needs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

__all__ = ["PATIENCE", "Log"]

T = TypeVar("T")

#: Seconds after which what has not come will not come. Generous: the machine may be busy.
PATIENCE = 15.0


class Log(Generic[T]):
    """What has happened so far, in order."""

    def __init__(self) -> None:
        self._entries: list[T] = []
        self._changed = threading.Condition()

    def add(self, entry: T) -> None:
        """Append and wake those who wait."""
        with self._changed:
            self._entries.append(entry)
            self._changed.notify_all()

    def add_all(self, entries: Iterable[T]) -> None:
        """Append each as it comes; for a thread that reads."""
        for entry in entries:
            self.add(entry)

    def __iter__(self) -> object:
        return iter(self.entries)

    @property
    def entries(self) -> list[T]:
        """A copy of everything so far."""
        with self._changed:
            return list(self._entries)

    def wait(self, wanted: Callable[[T], bool], timeout: float = PATIENCE, start: int = 0) -> T:
        """The first entry from index `start` on that is wanted; AssertionError if it does not come."""
        found: list[T] = []

        def look() -> bool:
            found.extend(entry for entry in self._entries[start:] if wanted(entry))
            return bool(found)

        with self._changed:
            if not self._changed.wait_for(look, timeout):
                raise AssertionError(f"did not come within {timeout} s; there was: {self._entries[-20:]!r}")
            return found[0]

    def wait_count(self, count: int, timeout: float = PATIENCE) -> list[T]:
        """The entries, once there are at least `count`."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._entries) >= count, timeout):
                raise AssertionError(f"{len(self._entries)} of {count} came: {self._entries[-20:]!r}")
            return list(self._entries)
