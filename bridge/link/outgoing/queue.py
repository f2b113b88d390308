"""Queue messages for the link's one writer, bounded, and tell each sender what became of its message.

Frames payloads, and tells the sender exactly once whether they were handed whole to the link's socket or, with
delivery_tracker.py, whether the server has confirmed them. While the link is down, messages are held, see
offline_buffer.py. Presence goes through the same queue, in order, but is never refused for lack of room, held, or sent
again. Must not know sockets, users or Socket.IO.

Use: `queue.send([b'{"action":"x"}'], done)`; `done(None)` means sent, `done(Refused)` not.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from bridge.counters import Counters
from bridge.errors import Refused
from bridge.link.framing.interface import Encoder
from bridge.link.outgoing.delivery_tracker import DeliveryTracker, confirmations
from bridge.link.outgoing.fair_waiter import FairWaiter
from bridge.link.outgoing.message import JOINED, OnBehalfOf, OnDelivered, OutgoingMessage, finish, frames_in, notices_of
from bridge.link.outgoing.offline_buffer import OfflineBuffer
from bridge.link.outgoing.resend_state import BROKE, ResendState
from bridge.link.outgoing.sent_ledger import SentLedger
from bridge.timer import Timer

__all__ = ["JOINED", "PRESENCE_LIMIT", "OnDelivered", "OutgoingQueue"]

log = logging.getLogger("bridge.link")

#: Bytes of presence that may wait besides a connection's first notices: a server that leaves more unread never reads.
PRESENCE_LIMIT = 8 * 1024 * 1024


class OutgoingQueue:
    """The queue of one link.

    `limit`: bytes that may wait, or be unconfirmed, before events are refused as `link-busy`; `holding`: holds messages
    while the link is down, None: they are refused then; `confirming`: remembers unconfirmed messages, None: nothing is
    numbered or sent again.

    An empty queue takes any one message, because no limit on the queue can be under one frame. Callers that can wait
    for room do so in the order in which they came.
    """

    def __init__(
        self,
        framing: Encoder,
        limit: int,
        on_overflow: Callable[[], None],
        counters: Counters,
        *,
        holding: OfflineBuffer | None = None,
        confirming: DeliveryTracker | None = None,
    ) -> None:
        self._framing, self._limit, self._on_overflow, self._counters = framing, limit, on_overflow, counters
        self._resend = ResendState(framing, holding, confirming, limit)
        self._expiry = Timer(self._expire, "bridge-expiry")
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._waiters = FairWaiter(self._lock, self._has_room)
        self._queue: deque[OutgoingMessage] = deque()
        self._taken: list[tuple[OutgoingMessage, int]] = []  # (message, index of its piece)
        self._handed = SentLedger()
        self._events = 0  # bytes of events that wait
        self._presence = 0  # bytes of presence that wait
        self._moved = time.monotonic()  # when the link last took something, or could have
        self._open = False  # whether there is a connection
        self._connection = 0  # its number
        self._stops = False  # whether the bridge is stopping

    @property
    def waiting(self) -> int:
        """Bytes of events that wait, are being sent or are not confirmed; not those that are held."""
        return self._events

    @property
    def held(self) -> int:
        """Bytes of events that are held while the link is down."""
        return self._resend.held

    @property
    def waits_since(self) -> float | None:
        """When the link last took anything, by time.monotonic(); None if nothing waits for it."""
        return self._moved if self._open and (self._queue or self._taken) else None

    def up(self, payloads: Sequence[bytes], done: OnDelivered | None = None) -> None:
        """Begin a connection: the payloads go out first, then unconfirmed messages, then held ones.

        Messages on behalf of users who have gone are refused. `done`: is told what became of the payloads.
        """
        notices, none = notices_of(self._framing, [*self._resend.hello, *payloads], self._counters, done)
        with self._changed:
            self._open = True
            self._connection += 1
            self._handed.begin()
            self._moved = time.monotonic()
            entries, fates = self._resend.back()
            self._queue.extend([*notices, *entries])
            self._events = sum([entry.size for entry in entries])
            self._presence = 0
            self._expiry.off()
            self._changed.notify_all()
        finish([*none, *fates])

    def send(
        self,
        payloads: Sequence[bytes],
        done: OnDelivered | None = None,
        *,
        has_room: bool = False,
        by: OnBehalfOf | None = None,
    ) -> None:
        """Queue the payloads, in order and with nothing between them; hold them while the link is down.

        Raises Refused (too-big, delimiter-in-frame, link-down, link-busy); then nothing is sent and `done` is not
        called. `has_room`: the caller has waited for room, see `room`; `by`: on whose behalf.
        """
        entry = OutgoingMessage(len(payloads), done, by, payloads=payloads)
        if not self._resend.numbers:
            self._resend.frame(entry)  # outside of the lock
        with self._changed:
            if self._resend.numbers:
                self._resend.frame(entry)
            if not self._open:
                if self._stops:
                    raise Refused("link-down", "the bridge is stopping")
                self._expire_at(self._resend.hold(entry, time.monotonic()))
                return
            if not has_room and self._events and (self._waiters or self._events + entry.size > self._limit):
                raise Refused("link-busy")
            if not self._queue and not self._taken:
                self._moved = time.monotonic()
            self._resend.queued(entry)
            self._events += entry.size
            self._queue.append(entry)
            self._changed.notify_all()

    def _expire_at(self, at: float | None) -> None:
        if at is not None:
            self._expiry.set(at)

    def _expire(self) -> float | None:
        """Refuse expired messages. Return when the next one expires."""
        with self._changed:
            fates, following = self._resend.expired(time.monotonic())
            self._changed.notify_all()
        finish(fates)
        return following

    @contextmanager
    def room(self, patience: float) -> Iterator[None]:
        """Wait in turn for room, `patience` seconds at most; inside, call `send(…, has_room=True)`.

        There is room while less than the limit waits, and while the link is down, which `send` then reports. If the
        link has taken nothing for `patience` seconds, there is no wait. Raises Refused("link-busy").
        """
        with self._waiters.wait(
            lambda: patience - (0.0 if self._has_room() else time.monotonic() - self._moved)
        ) as room:
            if not room:
                raise Refused("link-busy")
            yield

    def _has_room(self) -> bool:
        return not self._open or self._events < self._limit

    def tell(self, payloads: Sequence[bytes], done: OnDelivered | None = None) -> None:
        """Queue presence notices. While the link is down they are dropped: presence is announced when it is back."""
        notices, none = notices_of(self._framing, payloads, self._counters, done)
        with self._changed:
            size = self._presence + sum(notice.size for notice in notices)
            queued, overflow = self._open, self._open and size > PRESENCE_LIMIT
            if queued:
                self._presence = size
            if queued and not overflow:
                self._queue.extend(notices)
                self._changed.notify_all()
        if overflow or not queued:
            none += [(notice, Refused("link-down")) for notice in notices]
        finish(none)
        if overflow:
            self._on_overflow()

    def confirmed(self, frames: list[bytes]) -> list[bytes]:
        """Apply the confirmations in a burst of the server, and return the other frames."""
        numbers, others = confirmations(frames)
        for number in numbers:
            with self._changed:
                entries = self._resend.confirm(number)
                if entries:
                    self._forget(entries)
            if entries is None:
                self._counters.note("confirms_unknown", "! the server confirms %d, which it has not been sent", number)
            else:
                finish([(entry, None) for entry in entries])
        return others

    def _forget(self, confirmed: list[OutgoingMessage]) -> None:
        self._moved = time.monotonic()
        self._events -= sum([entry.size for entry in confirmed])
        if not all(entry.at for entry in confirmed):  # some were to be sent again, which is no longer needed
            self._queue = deque(entry for entry in self._queue if not entry.again or entry.unconfirmed)
        self._changed.notify_all()
        self._waiters.next()

    def take(self, at_most: int) -> Sequence[bytes]:
        """Wait for messages and take `at_most` bytes of them, or one piece. Empty: this connection is over."""
        with self._changed:
            mine = self._connection
            while self._open and self._connection == mine and not self._queue:
                self._changed.wait()
            if not self._open or self._connection != mine:  # for a writer that was given up, its connection is over
                return []
            size, pieces = 0, list[bytes]()
            self._moved = time.monotonic()
            while self._queue:
                piece = (entry := self._queue[0]).pieces[entry.at]
                if pieces and size + len(piece) > at_most:
                    break
                self._taken.append((entry, entry.at))
                pieces.append(piece)
                size += len(piece)
                entry.at += 1
                self._resend.handed(entry)
                if entry.at == len(entry.pieces):
                    self._queue.popleft()
            return pieces

    def sent(self) -> None:
        """Count what was taken last as handed to the socket whole, and tell its senders."""
        self._moved = time.monotonic()
        taken = self._release()
        self._handed.add(sum([len(entry.pieces[piece]) for entry, piece in taken]), frames_in(taken))
        self._counters.count("frames_out", frames_in(taken))
        if self._resend.numbers:
            self._counters.count("frames_resent", frames_in([one for one in taken if one[0].again]))
        finish([(entry, None) for entry, piece in taken if not entry.last and piece == len(entry.pieces) - 1])

    def _release(self) -> list[tuple[OutgoingMessage, int]]:
        with self._changed:
            taken, self._taken = self._taken, []
            for entry, piece in taken:
                if entry.presence:
                    self._presence = max(0, self._presence - entry.size)
                elif not entry.last:  # messages with a number count until they are confirmed
                    self._events -= len(entry.pieces[piece])
            self._changed.notify_all()
            self._waiters.next()
            return taken

    def down(self, in_flight: bool) -> None:
        """End the connection, and hold what still waits. `in_flight`: what was taken last may be lost."""
        with self._changed:
            unconfirmed = self._resend.unconfirmed_frames if self._open else 0
            self._open = False
            lost = [one for one in self._release() if not one[0].last] if in_flight else []
            waiting, self._queue = self._queue, deque()
            fates, over = self._resend.broken(waiting, time.monotonic())
            fates += self._resend.stop(link_up=False) if self._stops else []  # no other connection comes
            self._expire_at(over)
            self._events = self._resend.unconfirmed
            self._events += sum([len(e.pieces[piece]) for e, piece in self._taken if not (e.presence or e.last)])
            self._presence = 0
            self._changed.notify_all()
            self._waiters.next()
        self._report(frames_in(lost), unconfirmed)  # counted before anybody is told
        finish([*((entry, Refused("link-down", BROKE)) for entry, _ in lost), *fates])

    def _report(self, lost: int, unconfirmed: int) -> None:
        self._counters.count("frames_unconfirmed", lost + unconfirmed)
        if lost:
            log.warning("! %d frames were in flight when the link broke", lost)
        if unconfirmed:
            log.warning("! %d frames are not confirmed; they are sent again when the link is back", unconfirmed)

    def over(self, acknowledged: int | None) -> None:
        """Count the frames that may not have arrived. Numbered frames are left out, because they are sent again."""
        count = 0 if acknowledged is None or self._resend.numbers else self._handed.beyond(acknowledged)
        if count:
            self._counters.count("frames_unconfirmed", count)
            log.warning("! %d frames had been handed to the old connection and may not have arrived", count)

    def close(self, patience: float = 0.0) -> None:
        """Stop holding, because the bridge stops.

        Messages that are held or unconfirmed wait `patience` seconds for the link and go out; then they are refused.
        """
        with self._changed:
            self._stops = True
            if not self._open:
                ends = time.monotonic() + patience
                self._changed.wait_for(lambda: self._open or not self._resend.anything, patience)
                self.drained(ends - time.monotonic())
            fates = self._resend.stop(self._open)
            self._expiry.off()
        finish(fates)

    def drained(self, timeout: float) -> bool:
        """Wait until nothing waits or is unconfirmed, or the link is down; False after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._open or not self._unfinished, timeout)

    @property
    def _unfinished(self) -> bool:
        return bool(self._queue or self._taken or self._resend.unconfirmed)
