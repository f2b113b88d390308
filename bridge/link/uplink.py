"""What waits for the link: the bounded queue in front of its one writer, and what became of it.

Takes payloads, frames them, and tells whoever sent one, exactly once, whether it was handed
whole to the link's socket. Presence goes the same way, in order, but is not refused for want
of room. Must not know sockets, users or Socket.IO.

Use: `uplink.send([b'{"action":"x"}'], done)`; `done(None)` means sent, `done(Refused)` not.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from bridge.errors import Refused
from bridge.tally import Tally

__all__ = ["Done", "Uplink"]

log = logging.getLogger("bridge.link")

#: Called once, when the fact is known: None for handed over, else why not.
Done = Callable[[Refused | None], None]

#: Bytes of payloads that are framed together; more is taken, and acked, piece by piece.
JOINED = 128 * 1024

#: Bytes of presence that may wait beyond what is announced at the start of a connection. A server
#: that leaves so much unread is not reading at all.
PRESENCE_LIMIT = 8 * 1024 * 1024


class Framing(Protocol):
    """An encoder as framing.py makes them."""

    separate: bool

    def frame(self, payload: bytes) -> bytes: ...

    def frames(self, payloads: Sequence[bytes]) -> bytes: ...


@dataclass(slots=True)
class _Waiting:
    """`data`: so many frames."""

    data: bytes
    count: int
    done: Done | None
    presence: bool


class Uplink:
    """The queue of one link. `limit`: bytes that may wait before events are refused as `link-busy`.

    An empty queue takes any one message, as no limit on the queue can be under one frame. Whoever can
    wait for room waits in line: in the order of coming, and nobody overtakes.
    """

    def __init__(self, framing: Framing, limit: int, on_overflow: Callable[[], None], tally: Tally) -> None:
        self._framing, self._limit, self._on_overflow, self._tally = framing, limit, on_overflow, tally
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._queue: deque[_Waiting] = deque()
        self._taken: list[_Waiting] = []
        self._line: deque[threading.Condition] = deque()  # who waits for room, the first one first
        self._events = self._presence = 0  # bytes that wait
        self._moved = time.monotonic()  # when the link last took something, or could have
        self._open = False

    @property
    def waiting(self) -> int:
        """Bytes of events that wait, those being sent just now included."""
        return self._events

    def up(self, announce: Sequence[bytes]) -> None:
        """The link is there; `announce` (payloads) goes out before anything else."""
        frames = self._presence_frames(announce)
        with self._changed:
            self._open = True
            self._moved = time.monotonic()
            self._queue.extend(_Waiting(frame, 1, None, True) for frame in frames)
            self._presence = 0
            self._changed.notify_all()

    def send(self, payloads: Sequence[bytes], done: Done | None = None, *, has_room: bool = False) -> None:
        """Queue the payloads, in order and with nothing between them.

        Raises Refused (too-big, delimiter-in-frame, link-down, link-busy), and then nothing of
        it is sent and `done` is not called. `has_room`: the caller has waited for it, see `room`.
        """
        if self._framing.separate or sum(map(len, payloads)) > JOINED:
            frames = [self._framing.frame(payload) for payload in payloads]
        else:
            frames = [self._framing.frames(payloads)]
        size = sum(map(len, frames))
        with self._changed:
            if not self._open:
                raise Refused("link-down")
            if not has_room and self._events and (self._line or self._events + size > self._limit):
                raise Refused("link-busy")
            if not self._queue and not self._taken:
                self._moved = time.monotonic()
            self._events += size
            for frame in frames[:-1]:
                self._queue.append(_Waiting(frame, 1, None, False))
            self._queue.append(_Waiting(frames[-1], len(payloads) - len(frames) + 1, done, False))
            self._changed.notify_all()

    @contextmanager
    def room(self, patience: float) -> Iterator[None]:
        """Wait in line for room, `patience` seconds at most; inside, `send(…, has_room=True)`.

        There is room while less than the limit waits, and when the link is down, which `send` tells. A link
        that has taken nothing for so long is not waited for any more. Raises Refused("link-busy").
        """
        mine = threading.Condition(self._lock)  # its own: else all would wake for each one's turn
        with self._lock:
            self._line.append(mine)
        try:
            with self._lock:
                stalled = time.monotonic() - self._moved if not self._has_room() else 0.0
                if not mine.wait_for(lambda: self._line[0] is mine and self._has_room(), patience - stalled):
                    raise Refused("link-busy")
            yield
        finally:
            with self._lock:
                self._line.remove(mine)
                self._next_in_line()

    def _next_in_line(self) -> None:
        if self._line and self._has_room():
            self._line[0].notify()

    def _has_room(self) -> bool:
        return not self._open or self._events < self._limit

    def tell(self, payloads: Sequence[bytes]) -> None:
        """Queue a presence notice. While the link is down it is not kept: presence is announced
        anew when it comes back."""
        frames = self._presence_frames(payloads)
        with self._changed:
            if not self._open:
                return
            self._presence += sum(map(len, frames))
            overflow = self._presence > PRESENCE_LIMIT
            if not overflow:
                self._queue.extend(_Waiting(frame, 1, None, True) for frame in frames)
                self._changed.notify_all()
        if overflow:
            self._on_overflow()

    def take(self, at_most: int) -> Sequence[bytes]:
        """Implements connection.Outgoing."""
        with self._changed:
            while self._open and not self._queue:
                self._changed.wait()
            if not self._open:
                return []
            size = 0
            self._moved = time.monotonic()
            while self._queue and (not self._taken or size + len(self._queue[0].data) <= at_most):
                entry = self._queue.popleft()
                size += len(entry.data)
                self._taken.append(entry)
            return [entry.data for entry in self._taken]

    def sent(self) -> None:
        """Implements connection.Outgoing."""
        self._moved = time.monotonic()
        entries = self._release()
        self._tally.count("frames_out", sum([entry.count for entry in entries]))
        self._finish(entries, None)

    def down(self, in_flight: bool) -> None:
        """Implements connection.Outgoing. May be called twice."""
        with self._changed:
            self._open = False
            lost = self._release() if in_flight else []
            waiting, self._queue = self._queue, deque()
            self._events = sum(len(entry.data) for entry in self._taken if not entry.presence)
            self._presence = 0
            self._changed.notify_all()
            self._next_in_line()
        if lost:  # counted before anybody is told
            count = sum([entry.count for entry in lost])
            self._tally.count("frames_unconfirmed", count)
            log.warning("! %d frames were in flight when the link broke", count)
        message = "the link broke while this was being sent; it may or may not have arrived"
        self._finish(lost, Refused("link-down", message))
        self._finish(waiting, Refused("link-down", "the link broke before this was sent"))

    def drained(self, timeout: float) -> bool:
        """Wait until nothing waits or the link is down; False after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._open or not (self._queue or self._taken), timeout)

    def _presence_frames(self, payloads: Sequence[bytes]) -> list[bytes]:
        frames = []
        for payload in payloads:
            try:
                frames.append(self._framing.frame(payload))
            except Refused as error:  # what a handler wrote in place of a notice
                self._tally.refuse(error.code, "presence", error.message)
        return frames

    def _release(self) -> list[_Waiting]:
        with self._changed:
            taken, self._taken = self._taken, []
            for entry in taken:
                if entry.presence:
                    self._presence = max(0, self._presence - len(entry.data))
                else:
                    self._events -= len(entry.data)
            self._changed.notify_all()
            self._next_in_line()
            return taken

    @staticmethod
    def _finish(entries: Sequence[_Waiting] | deque[_Waiting], outcome: Refused | None) -> None:
        # Never under the lock: an ack may close its client, and that announces a user's leaving.
        for entry in entries:
            if entry.done is not None:
                entry.done(outcome)
