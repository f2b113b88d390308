"""What one client has still to be sent: its limit, and what becomes of a client that is over it.

A client without backlog is written to at once, and what its socket does not take waits here, as
references to bytes that all clients share. Nothing here blocks: whoever puts something into an
outbox never waits for that client. Must not know what is in a frame, nor sessions.

Use: `outbox = Outbox(port, limits); outbox.put(Segment(frame(b"2")))`; when writable: `outbox.flush()`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bridge.clients.backlog import Backlog, LatestBacklog, Segment
from bridge.clients.pressure import Pressure
from bridge.tally import Tally

__all__ = [
    "BEHIND",
    "NO_LINE",
    "Limits",
    "Line",
    "Outbox",
    "Port",
    "SendMany",
    "Wire",
    "Write",
    "put_all",
    "put_at_once",
]

#: What `socket.send` does, without waiting: how many bytes were taken; raises OSError, too, when it is full.
Write = Callable[[bytes | memoryview], int]
#: What reaches a client without a way round: the Write of its socket, and that socket's descriptor.
Line = tuple[Write, int]
#: Sends the same to the sockets with these descriptors, without waiting; -1 is none. Of those that did not take all:
#: (which of them, how many bytes it took).
SendMany = Callable[[Sequence[int], bytes | memoryview], Iterable[tuple[int, int]]]

BEHIND = 256 * 1024  # bytes that wait for a client that counts as behind: a whole segment of a burst
STALE = 16 * 1024  # bytes of state that a client under `latest` is given at most after it was superseded


def _nothing(data: bytes | memoryview) -> int:
    """The Write of a client that can't be written to."""
    return 0


NO_LINE: Line = (_nothing, -1)


class Wire(Protocol):
    """What a client is reached by directly."""

    @property
    def line(self) -> Line:
        """As it is now. The outbox is closed before the socket is: a descriptor may be another one's after that."""


class Port(Protocol):
    """The client's side of an outbox."""

    def send_parts(self, parts: list[bytes | memoryview]) -> int:
        """Bytes that the socket took; 0 if it is full, or if this client fetches what is for it."""

    def blocked(self) -> None:
        """There is something that waits now: `flush` is to be called when more can be sent."""

    def too_slow(self) -> None:
        """It is over its limit, and the policy is to disconnect."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What all outboxes share. `size`: bytes that may wait for one client, the kernel's share included; an empty
    outbox takes any one segment. `policy`: "disconnect", "drop-oldest" or "latest"."""

    size: int
    policy: str
    tally: Tally
    pressure: Pressure = field(default_factory=Pressure)

    @property
    def unsent(self) -> int:
        """The kernel's share: what it may keep for a client before it is on its way."""
        # What the kernel has can't be superseded any more.
        return min(self.size // 4, STALE if self.policy == "latest" else BEHIND)

    @property
    def waiting(self) -> int:
        """The rest."""
        return self.size - self.unsent

    @property
    def behind(self) -> int:
        """Bytes that wait for a client that counts as behind: before its limit, or its policy would come first."""
        return min(BEHIND, self.waiting // 2)

    def backlog(self) -> Backlog | LatestBacklog:
        """An empty one, for a client that is behind."""
        return LatestBacklog() if self.policy == "latest" else Backlog()


class Outbox:
    """One client's. Methods may be called from any green thread; none of them yields.

    `refill`: puts more when nothing waits any more, and says whether there is more still; None if nobody does.
    """

    __slots__ = (
        "_backlog", "_behind", "_closed", "_fd", "_limits", "_port", "_pressed", "_sealed", "_wire", "_write", "refill",
    )  # fmt: skip

    def __init__(self, port: Port, limits: Limits) -> None:
        self._port, self._limits = port, limits
        self._backlog: Backlog | LatestBacklog | None = None
        self._wire: Wire | None = None
        self._write, self._fd = NO_LINE  # the wire's, but while what is put has to wait
        self._behind = self._closed = self._pressed = self._sealed = False
        self.refill: Callable[[], bool] | None = None

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return self._backlog.size if self._backlog else 0

    def connect(self, wire: Wire) -> None:
        """From now on the client is reached by this; what waits still goes by the port."""
        self._wire = wire
        self._restore()

    def press(self) -> None:
        """From now on the link may have to wait for this client."""
        if not self._closed and not self._pressed and self._limits.policy != "latest":
            self._pressed = True
            self._limits.pressure.joined(self)
            self._sized()

    def unpress(self) -> None:
        """The link no longer waits for this client."""
        if self._pressed:
            self._pressed = self._behind = False
            self._limits.pressure.left(self)

    def put(self, segment: Segment) -> None:
        """Send it, or keep what can't be sent now."""
        put_all((self,), segment)

    def _keep(self, segment: Segment, sent: int) -> None:
        """Keep what comes after the first `sent` bytes, as the rest can't be sent now."""
        if self._sealed:
            return
        if self._backlog is None:
            self._write, self._fd = NO_LINE
            self._backlog = self._limits.backlog()
            self._port.blocked()
        was = self._backlog.size
        dropped = self._backlog.add(segment, sent)
        if dropped:
            self._limits.tally.count("dropped_superseded", dropped)
        self._sized()
        if was and self._backlog.size > self._limits.waiting:
            self._over()

    def flush(self) -> bool:
        """Send what the socket takes; whether nothing waits any more, nor more is to be put."""
        if not self._flush():
            return False
        return not self.fill() and self._backlog is None

    def _flush(self) -> bool:
        backlog = self._backlog
        while backlog is not None and backlog.size:
            sent = self._port.send_parts(backlog.parts())
            if not sent or self._backlog is None:
                return self._backlog is None
            backlog.advance(sent)
            self._sized()
            if self._behind:
                self._limits.pressure.progress()
        self._emptied()
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
            if self._behind:
                self._limits.pressure.progress()
        if self._backlog is not None and not self._backlog.size:
            self._emptied()
        self.fill()
        return taken

    def clear(self) -> None:
        """Drop all that waits, but for a frame that is half sent."""
        if self._backlog is not None:
            self._backlog.clear()
            if not self._backlog.size:
                self._emptied()
            self._sized()

    def fill(self) -> bool:
        """If nothing waits, have what `refill` puts; whether there may be more though nothing waits still."""
        return self._backlog is None and self.refill is not None and not self._sealed and self.refill()

    def start(self) -> None:
        """Have what `refill` puts, now and when nothing waits any more."""
        if self.fill():
            self._port.blocked()

    def give_up(self) -> None:
        """What is to be put next is no longer to be had: the client can't keep up."""
        self._port.too_slow()

    def seal(self, last: Segment | None = None) -> None:
        """Put the last segment, if there is one; what is put after it is thrown away."""
        if last is not None:
            self.put(last)
        self._sealed = True
        self._write, self._fd = NO_LINE

    def close(self) -> None:
        """Nothing is sent or kept any more. May be called twice."""
        if self._closed:
            return
        self._closed = self._sealed = True
        self._backlog = self._wire = None
        self._write, self._fd = NO_LINE
        self.unpress()

    def _emptied(self) -> None:
        self._backlog = None
        self._restore()

    def _restore(self) -> None:
        if self._wire is not None and self._backlog is None and not self._sealed:
            self._write, self._fd = self._wire.line

    def _sized(self) -> None:
        """What waits has become more or less."""
        behind = self._pressed and self.size > self._limits.behind
        if behind != self._behind:
            self._behind = behind
            pressure = self._limits.pressure
            (pressure.fell_behind if behind else pressure.caught_up)(self)

    def _over(self) -> None:
        assert self._backlog is not None
        self._limits.pressure.over_limit(self)
        if self._limits.policy == "disconnect":
            self._port.too_slow()
            return
        limit = self._limits.waiting
        dropped = self._backlog.cut(self._backlog.size - limit)
        if dropped:
            self._limits.tally.count("dropped_oldest", dropped)
        self._sized()
        if self._backlog.size > limit and self._backlog.own > limit:
            self._port.too_slow()


def put_all(outboxes: Iterable[Outbox], segment: Segment) -> None:
    """Put it into each of them. Nearly all of the bridge's time goes here, so there is no call for each."""
    data, size = segment.data, len(segment.data)
    for outbox in outboxes:
        try:
            sent = outbox._write(data)
        except OSError:  # full; or broken, which reading tells
            sent = 0
        if sent != size:
            outbox._keep(segment, sent)


def put_at_once(outboxes: Sequence[Outbox], segment: Segment, send_many: SendMany) -> None:
    """The same for as many as `send_many` can send to at a time, and as much. No `_keep` may yield, nor put into
    another outbox, which may have taken a part of the segment."""
    for which, sent in send_many([outbox._fd for outbox in outboxes], segment.data):
        outboxes[which]._keep(segment, sent)
