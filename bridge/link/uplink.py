"""What waits for the link: the bounded queue in front of its one writer, and what became of it.

Takes payloads, frames them, and tells whoever sent one, exactly once, whether it was handed
whole to the link's socket. While the link is down, what is sent is held, see holding.py. Presence
goes the same way as the rest, in order, but is not refused for want of room, nor held. Must not
know sockets, users or Socket.IO.

Use: `uplink.send([b'{"action":"x"}'], done)`; `done(None)` means sent, `done(Refused)` not.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from bridge.alarm import Alarm
from bridge.errors import Refused
from bridge.link.entries import JOINED, Done, Entry, Framing, Sender, finish, pieces_of
from bridge.link.holding import Holding
from bridge.tally import Tally

__all__ = ["JOINED", "PRESENCE_LIMIT", "Done", "Uplink"]

log = logging.getLogger("bridge.link")

#: Bytes of presence that may wait beyond what is announced at the start of a connection. A server
#: that leaves so much unread is not reading at all.
PRESENCE_LIMIT = 8 * 1024 * 1024

_MAYBE = "the link broke while this was being sent; it may or may not have arrived"


class Uplink:
    """The queue of one link. `limit`: bytes that may wait before events are refused as `link-busy`;
    `holding`: what is held while the link is down; without it, events are refused then.

    An empty queue takes any one message, as no limit on the queue can be under one frame. Whoever can
    wait for room waits in line: in the order of coming, and nobody overtakes.
    """

    def __init__(
        self,
        framing: Framing,
        limit: int,
        on_overflow: Callable[[], None],
        tally: Tally,
        holding: Holding | None = None,
    ) -> None:
        self._framing, self._limit, self._on_overflow, self._tally = framing, limit, on_overflow, tally
        self._holding = holding
        self._expiry = Alarm(self._expire, "bridge-expiry")
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._queue: deque[Entry] = deque()
        self._taken: list[tuple[Entry, int]] = []  # each with which of its pieces
        self._line: deque[threading.Condition] = deque()  # who waits for room, the first one first
        self._events = self._presence = 0  # bytes that wait
        self._moved = time.monotonic()  # when the link last took something, or could have
        self._open = False

    @property
    def waiting(self) -> int:
        """Bytes of events that wait, those being sent just now included, those that are held not."""
        return self._events

    def up(self, announce: Sequence[bytes]) -> None:
        """The link is there. `announce` (payloads) goes out before anything else, then what was held; what
        was held for a user who has gone is refused."""
        notices = self._notices(announce)
        with self._changed:
            self._open = True
            self._moved = time.monotonic()
            self._queue.extend(notices)
            self._presence = 0
            held = self._holding.take() if self._holding is not None else []
            gone = [entry for entry in held if entry.gone]
            for entry in held:
                if not entry.gone:
                    self._queue.append(entry)
                    self._events += entry.size
            self._expiry.off()
            self._changed.notify_all()
        finish([(entry, Refused("gone")) for entry in gone])

    def send(
        self,
        payloads: Sequence[bytes],
        done: Done | None = None,
        *,
        has_room: bool = False,
        by: Sender | None = None,
    ) -> None:
        """Queue the payloads, in order and with nothing between them; hold them while the link is down.

        Raises Refused (too-big, delimiter-in-frame, link-down, link-busy), and then nothing of
        it is sent and `done` is not called. `has_room`: the caller has waited for it, see `room`.
        `by`: on whose behalf.
        """
        entry = Entry(pieces_of(self._framing, payloads), len(payloads), done, by)
        size = entry.size
        with self._changed:
            if not self._open:
                self._hold(entry)
                return
            if not has_room and self._events and (self._line or self._events + size > self._limit):
                raise Refused("link-busy")
            if not self._queue and not self._taken:
                self._moved = time.monotonic()
            self._events += size
            self._queue.append(entry)
            self._changed.notify_all()

    def _hold(self, entry: Entry) -> None:
        """Raises Refused if it can't be."""
        if self._holding is None:
            raise Refused("link-down")
        self._holding.add(entry, time.monotonic())
        if self._holding.next is not None:
            self._expiry.set(self._holding.next)

    def _expire(self) -> float | None:
        """Refuse what has been held for so long; when the next one is to be."""
        with self._lock:
            if self._holding is None:
                return None
            old, following = self._holding.expired(time.monotonic()), self._holding.next
        why = f"the server was not connected within {self._holding.seconds:g} s"
        finish([(entry, Refused("link-down", why)) for entry in old])
        return following

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
        notices = self._notices(payloads)
        with self._changed:
            if not self._open:
                return
            self._presence += sum(notice.size for notice in notices)
            overflow = self._presence > PRESENCE_LIMIT
            if not overflow:
                self._queue.extend(notices)
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
            pieces: list[bytes] = []
            self._moved = time.monotonic()
            while self._queue:
                entry = self._queue[0]
                piece = entry.pieces[entry.at]
                if pieces and size + len(piece) > at_most:
                    break
                self._taken.append((entry, entry.at))
                pieces.append(piece)
                size += len(piece)
                entry.at += 1
                if entry.at == len(entry.pieces):
                    self._queue.popleft()
            return pieces

    def sent(self) -> None:
        """Implements connection.Outgoing."""
        self._moved = time.monotonic()
        taken = self._release()
        self._tally.count("frames_out", sum([entry.frames_in(piece) for entry, piece in taken]))
        finish([(entry, None) for entry, piece in taken if piece == len(entry.pieces) - 1])

    def down(self, in_flight: bool) -> None:
        """Implements connection.Outgoing. May be called twice. What has waited is held from now on."""
        with self._changed:
            self._open = False
            lost = self._release() if in_flight else []
            fates: list[tuple[Entry, Refused | None]] = [(entry, Refused("link-down", _MAYBE)) for entry, _ in lost]
            waiting, self._queue = self._queue, deque()
            fates += self._held_or_refused(waiting)
            self._events = sum([len(entry.pieces[piece]) for entry, piece in self._taken if not entry.presence])
            self._presence = 0
            self._changed.notify_all()
            self._next_in_line()
        if lost:  # counted before anybody is told
            count = sum([entry.frames_in(piece) for entry, piece in lost])
            self._tally.count("frames_unconfirmed", count)
            log.warning("! %d frames were in flight when the link broke", count)
        finish(fates)

    def _held_or_refused(self, waiting: deque[Entry]) -> Iterator[tuple[Entry, Refused]]:
        """Hold what waited for the connection that is over; those that can't be, and why."""
        for entry in waiting:
            if entry.at:  # a part of it is gone
                yield entry, Refused("link-down", _MAYBE)
            elif not entry.presence:
                try:
                    self._hold(entry)
                except Refused as error:
                    words = "the link broke before this was sent" if self._holding is None else error.message
                    yield entry, Refused("link-down", words)

    def close(self) -> None:
        """The bridge stops: from now on nothing is held. What is held already is refused."""
        with self._lock:
            held = self._holding.take() if self._holding is not None else []
            self._holding = None
            self._expiry.off()
        finish(
            [(entry, Refused("link-down", "the server was not connected before the bridge stopped")) for entry in held]
        )

    def drained(self, timeout: float) -> bool:
        """Wait until nothing waits or the link is down; False after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._open or not (self._queue or self._taken), timeout)

    def _notices(self, payloads: Sequence[bytes]) -> list[Entry]:
        notices = []
        for payload in payloads:
            try:
                notices.append(Entry([self._framing.frame(payload)], presence=True))
            except Refused as error:  # what a handler wrote in place of a notice
                self._tally.refuse(error.code, "presence", error.message)
        return notices

    def _release(self) -> list[tuple[Entry, int]]:
        with self._changed:
            taken, self._taken = self._taken, []
            for entry, piece in taken:
                if entry.presence:
                    self._presence = max(0, self._presence - len(entry.pieces[piece]))
                else:
                    self._events -= len(entry.pieces[piece])
            self._changed.notify_all()
            self._next_in_line()
            return taken
