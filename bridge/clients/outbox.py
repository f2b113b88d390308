"""What one client has still to be sent: its limit, what becomes of a client that is over it, and back-pressure.

A client without backlog is written to at once, and what its socket does not take waits here, as
references to bytes that all clients share. Nothing here blocks: whoever puts something into an
outbox never waits for that client. Must not know what is in a frame, nor sessions.

Use: `outbox = Outbox(port, limits); outbox.put(Segment(frame(b"2")))`; when writable: `outbox.flush()`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from bridge.clients.backlog import Backlog, LatestBacklog, Segment
from bridge.tally import Tally

__all__ = ["BEHIND", "Limits", "Outbox", "Port", "Pressure"]

BEHIND = 256 * 1024  # bytes that wait for a client that counts as behind: a whole segment of a burst
NO_PROGRESS = 2.0  # seconds that the link waits for clients of which none takes anything


class Port(Protocol):
    """The client's side of an outbox."""

    def send_parts(self, parts: list[bytes | memoryview]) -> int:
        """Bytes that the socket took; 0 if it is full, or if this client fetches what is for it."""

    def blocked(self) -> None:
        """There is something that waits now: `flush` is to be called when more can be sent."""

    def too_slow(self) -> None:
        """It is over its limit, and the policy is to disconnect."""


class Pressure:
    """Whether the link has to wait for the clients: when every one of them is behind.

    Not when only some are, for those nobody waits; and not when none has taken anything for two
    seconds: then their limits decide.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Event()
        self._progress = clock()
        self.clients = self.behind = 0

    @property
    def high(self) -> bool:
        """Whether to wait."""
        return 0 < self.clients <= self.behind and self._clock() - self._progress < NO_PROGRESS

    def joined(self) -> None:
        """One more client."""
        self.clients += 1
        self._changed.set()

    def left(self, behind: bool) -> None:
        """One less."""
        self.clients -= 1
        self.behind -= behind
        self._changed.set()

    def fell_behind(self) -> None:
        """A client has more than BEHIND waiting."""
        if self.behind + 1 >= self.clients:
            self._progress = self._clock()  # from now on they have their two seconds
        self.behind += 1

    def caught_up(self) -> None:
        """It has not any more."""
        self.behind -= 1
        self._changed.set()

    def progress(self) -> None:
        """A client that was behind took something."""
        self._progress = self._clock()

    def wait(self) -> bool:
        """Wait while it is high; whether it was."""
        if not self.high:
            return False
        while self.high:
            self._changed.clear()
            self._changed.wait(max(0.001, NO_PROGRESS - (self._clock() - self._progress)))
        return True


@dataclass(frozen=True, slots=True)
class Limits:
    """What all outboxes share. `size`: bytes that may wait for one client, which an empty outbox takes
    in any case; `policy`: "disconnect", "drop-oldest" or "latest"."""

    size: int
    policy: str
    tally: Tally
    pressure: Pressure = field(default_factory=Pressure)

    def backlog(self) -> Backlog | LatestBacklog:
        """An empty one, for a client that is behind."""
        return LatestBacklog() if self.policy == "latest" else Backlog()


class Outbox:
    """One client's. Methods may be called from any green thread; none of them yields."""

    __slots__ = ("_backlog", "_behind", "_closed", "_limits", "_port", "_pressed", "_sealed")

    def __init__(self, port: Port, limits: Limits) -> None:
        self._port, self._limits = port, limits
        self._backlog: Backlog | LatestBacklog | None = None
        self._behind = self._closed = self._pressed = self._sealed = False

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return self._backlog.size if self._backlog else 0

    def press(self) -> None:
        """From now on the link may have to wait for this client."""
        if not self._closed and not self._pressed and self._limits.policy != "latest":
            self._pressed = True
            self._limits.pressure.joined()

    def put(self, segment: Segment) -> None:
        """Send it, or keep what can't be sent now."""
        if self._sealed:
            return
        sent = 0
        if self._backlog is None:
            sent = self._port.send_parts([segment.data])
            if sent == len(segment.data) or self._closed:
                return
            self._backlog = self._limits.backlog()
            self._port.blocked()
        was = self._backlog.size
        dropped = self._backlog.add(segment, sent)
        if dropped:
            self._limits.tally.count("dropped_superseded", dropped)
        self._sized()
        if was and self._backlog.size > self._limits.size:
            self._over()

    def flush(self) -> bool:
        """Send what the socket takes; whether nothing waits any more."""
        backlog = self._backlog
        while backlog is not None and backlog.size:
            sent = self._port.send_parts(backlog.parts())
            if not sent or self._backlog is None:
                return self._backlog is None
            backlog.advance(sent)
            self._sized()
            if self._behind:
                self._limits.pressure.progress()
        self._backlog = None
        return True

    def take(self, at_most: int) -> list[bytes]:
        """Whole segments for a client that fetches them, at least one if any waits."""
        taken: list[bytes] = []
        size = 0
        while self._backlog is not None and self._backlog.size and size < at_most:
            part = bytes(self._backlog.parts()[0])
            taken.append(part)
            size += len(part)
            self._backlog.advance(len(part))
            self._sized()
            self._limits.pressure.progress()
        if self._backlog is not None and not self._backlog.size:
            self._backlog = None
        return taken

    def clear(self) -> None:
        """Drop all that waits, but for a frame that is half sent."""
        if self._backlog is not None:
            self._backlog.clear()
            if not self._backlog.size:
                self._backlog = None
            self._sized()

    def seal(self, last: Segment) -> None:
        """Put the last segment; what is put after it is thrown away."""
        self.put(last)
        self._sealed = True

    def close(self) -> None:
        """Nothing is sent or kept any more. May be called twice."""
        if self._closed:
            return
        self._closed = self._sealed = True
        self._backlog = None
        if self._pressed:
            self._limits.pressure.left(self._behind)

    def _sized(self) -> None:
        """What waits has become more or less."""
        behind = self._pressed and self.size > BEHIND
        if behind != self._behind:
            self._behind = behind
            (self._limits.pressure.fell_behind if behind else self._limits.pressure.caught_up)()

    def _over(self) -> None:
        assert self._backlog is not None
        if self._limits.policy == "disconnect":
            self._port.too_slow()
            return
        dropped = self._backlog.cut(self._backlog.size - self._limits.size)
        if dropped:
            self._limits.tally.count("dropped_oldest", dropped)
        self._sized()
        if self._backlog.size > self._limits.size:  # of the bridge's own packets
            self._port.too_slow()
