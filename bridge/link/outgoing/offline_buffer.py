"""Hold messages while the link is down: in order, each for a time, bounded for each client and in all.

State only: its owner has the lock and the clock. Must not know framings, sockets or users.

Use: `holding.add(entry, now)`; `for entry in holding.expired(now): …`; `holding.take()` when the link is up.
"""

from __future__ import annotations

from collections import deque

from bridge.errors import TooMany
from bridge.link.outgoing.message import OutgoingMessage

__all__ = ["OfflineBuffer"]


class OfflineBuffer:
    """Holds messages.

    `seconds`: how long each is held; `size`, `client_size`: bytes in all, and of one client; `bytes`: held at present.
    """

    def __init__(self, seconds: float, size: int, client_size: int) -> None:
        self.seconds = seconds
        self.most, self._client_most = size, client_size
        self._held: deque[OutgoingMessage] = deque()
        self.bytes = 0
        self._clients: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._held)

    @property
    def next(self) -> float | None:
        """When the first message expires, by the owner's clock; None if none is held."""
        return self._held[0].until if self._held else None

    def add(self, entry: OutgoingMessage, now: float) -> None:
        """Hold a message. Raises TooMany if there is no room for it."""
        size = entry.size
        if entry.by is not None and self._clients.get(entry.by.key, 0) + size > self._client_most:
            limit = f"at most {self._client_most} bytes of one client are held for it"
            raise TooMany("link-down", f"the server is not connected, and {limit}")
        if self.bytes + size > self.most:
            raise TooMany("link-down", f"the server is not connected, and at most {self.most} bytes are held for it")
        if entry.by is not None:
            self._clients[entry.by.key] = self._clients.get(entry.by.key, 0) + size
        self.bytes += size
        entry.until = entry.until or now + self.seconds
        self._held.append(entry)

    def expired(self, now: float) -> list[OutgoingMessage]:
        """Take out the messages whose time is over."""
        over: list[OutgoingMessage] = []
        while self._held and self._held[0].until <= now:
            entry = self._held.popleft()
            over.append(entry)
            self.bytes -= entry.size
            self._forget(entry)
        return over

    def take(self) -> list[OutgoingMessage]:
        """Take out all messages, in order."""
        entries = list(self._held)
        self._held.clear()
        self._clients.clear()
        self.bytes = 0
        return entries

    def _forget(self, entry: OutgoingMessage) -> None:
        if entry.by is None:
            return
        left = self._clients.pop(entry.by.key, 0) - entry.size
        if left > 0:  # so that a client that came once is not kept for ever
            self._clients[entry.by.key] = left
