"""Send to one client, keep what its socket does not take, and enforce its limit: the client's send buffer.

A client for which nothing waits is written to at once; what its socket does not take waits here, as references to
bytes that all clients share. Nothing here blocks, so nobody waits for a slow client. A client over its limit is
reported once; from then on only the last frames are taken. Must not know what is in a frame, nor sessions.

Use: `outbox = Outbox(port, limits); outbox.put(Segment(frame(b"2")))`; when writable: `outbox.flush()`.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Iterable, Sequence

from bridge.delivery.client_port import NO_SOCKET, ClientPort, SendMany, Transport
from bridge.delivery.limits import Limits
from bridge.delivery.slow_policies import AnySendQueue
from bridge.wire.segment import Segment

__all__ = ["TRANSITIONS", "Outbox", "OutboxState", "put_all", "put_at_once"]


class OutboxState(enum.Enum):
    """What an outbox does with what is put."""

    TAKING = "taking"  # sends or keeps it
    OVER = "over"  # throws it away: the client is over its limit, and is being ended
    SEALED = "sealed"  # throws it away: the last frames are there
    SHUT = "shut"  # throws it away, and sends nothing any more


#: State -> the states that may follow; docs/architecture.md has the diagram.
TRANSITIONS: dict[OutboxState, frozenset[OutboxState]] = {
    OutboxState.TAKING: frozenset({OutboxState.OVER, OutboxState.SEALED, OutboxState.SHUT}),
    OutboxState.OVER: frozenset({OutboxState.SEALED, OutboxState.SHUT}),
    OutboxState.SEALED: frozenset({OutboxState.SHUT}),
    OutboxState.SHUT: frozenset(),
}


class Outbox:
    """One client's outbox. Methods may be called from any green thread; none of them yields.

    `refill`: called when nothing waits any more; puts more, and returns whether there is still more. None: no more.
    `moved`: set when the client takes something that waited.
    """

    __slots__ = (
        "_behind", "_dropped", "_fd", "_limits", "_port", "_pressed", "_queue", "_since", "_state", "_transport",
        "_unread", "_write", "moved", "refill",
    )  # fmt: skip

    def __init__(self, port: ClientPort, limits: Limits) -> None:
        self._port, self._limits = port, limits
        self._queue: AnySendQueue | None = None
        self._transport: Transport | None = None
        self._write, self._fd = NO_SOCKET  # the socket's, except while everything that is put has to wait
        self._state = OutboxState.TAKING
        self._since = 0.0  # when something began to wait
        self._behind = False  # more waits than a client that keeps up leaves
        self._dropped = False  # messages were dropped since something began to wait
        self._pressed = False  # the link may wait for this client
        self._unread = False  # it leaves too many answers unread, and is not read
        self.moved = False
        self.refill: Callable[[], bool] | None = None

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return self._queue.size if self._queue else 0

    @property
    def answers(self) -> int:
        """How many of these bytes are answers, which do not count against the limit."""
        return self._queue.answers if self._queue else 0

    @property
    def _limited(self) -> int:
        """How many of these bytes count against the limit."""
        return self._queue.size - self._queue.answers if self._queue else 0

    @property
    def stuck(self) -> bool:
        """Whether the client leaves its answers unread, and has taken nothing since `moved` was set to False."""
        return self._unread and not self.moved

    @property
    def age(self) -> float:
        """Seconds for which something has been waiting."""
        return time.monotonic() - self._since if self._queue else 0.0

    @property
    def state(self) -> OutboxState:
        """What the outbox does with what is put."""
        return self._state

    def connect(self, transport: Transport) -> None:
        """Write to this socket from now on; what waits already goes through the port."""
        self._transport = transport
        self._restore()

    def press(self) -> None:
        """Let the link wait for this client when it is behind."""
        shut = self._state is OutboxState.SHUT
        if not shut and not self._pressed and self._limits.policy.counts_for_backpressure:
            self._pressed = True
            self._limits.pressure.joined(self)
            self._sized()

    def unpress(self) -> None:
        """Let the link no longer wait for this client."""
        if self._pressed:
            self._pressed = self._behind = False
            self._limits.pressure.left(self)

    def put(self, segment: Segment) -> None:
        """Send a segment, or keep what can't be sent now."""
        put_all((self,), segment)

    def _keep(self, segment: Segment, sent: int) -> None:
        """Keep a segment of which `sent` bytes have gone, and check the limit."""
        if self._state is not OutboxState.TAKING:
            return
        was = self._add(segment, sent)
        if was and not segment.answers and self._limited > self._limits.waiting:
            self._over()

    def _add(self, segment: Segment, sent: int = 0) -> int:
        """Keep a segment whatever the limit. Return how many bytes without answers waited before."""
        if self._queue is None:
            self._write, self._fd = NO_SOCKET
            self._queue = self._limits.policy.queue()
            self._since, self._dropped = time.monotonic(), False
            self._port.blocked()
        was = self._limited
        dropped = self._queue.add(segment, sent)
        if dropped:
            self._limits.counters.count("dropped_superseded", dropped)
        self._sized()
        return was

    def flush(self) -> bool:
        """Send what the socket takes. Return whether nothing waits any more, and nothing more is to be put."""
        if not self._flush():
            return False
        return not self.fill() and self._queue is None

    def _flush(self) -> bool:
        queue = self._queue
        while queue is not None and queue.size:
            sent = self._port.send_parts(queue.parts())
            if not sent or self._queue is None:
                return self._queue is None
            self._advance(queue, sent)
        self._emptied()
        return True

    def _advance(self, queue: AnySendQueue, sent: int) -> None:
        queue.advance(sent)
        self.moved = True
        self._sized()
        if self._behind:
            self._limits.pressure.progress()

    def take(self, at_most: int) -> list[bytes]:
        """Take whole segments for a client that polls, about `at_most` bytes, at least one if any waits."""
        taken: list[bytes] = []
        size = 0
        while self._queue is not None and self._queue.size and size < at_most:
            part = bytes(self._queue.parts()[0])
            taken.append(part)
            size += len(part)
            self._advance(self._queue, len(part))
        if self._queue is not None and not self._queue.size:
            self._emptied()
        self.fill()
        return taken

    def clear(self) -> None:
        """Drop everything that waits except a half-sent frame."""
        if self._queue is not None:
            self._queue.clear()
            if not self._queue.size:
                self._emptied()
            self._sized()

    def fill(self) -> bool:
        """Call `refill` if nothing waits. Return whether there may be more although nothing waits."""
        taking = self._state is OutboxState.TAKING
        return taking and self._queue is None and self.refill is not None and self.refill()

    def start(self) -> None:
        """Begin to call `refill`, now and whenever nothing waits."""
        if self.fill():
            self._port.blocked()

    def give_up(self) -> None:
        """Report the client as too slow: it is over its limit, or its next message is no longer in the history."""
        if self._state is OutboxState.TAKING:
            self._enter(OutboxState.OVER)  # first, so that what its end puts here is not over the limit again
            self._port.too_slow()

    def seal(self, last: Segment | None = None) -> None:
        """Put the last frames after what waits; `flush` sends them. Whatever is put later is thrown away."""
        self._enter(OutboxState.SEALED)
        if last is not None:
            self._add(last)

    def close(self) -> None:
        """Stop sending and keeping anything. May be called twice."""
        if self._state is OutboxState.SHUT:
            return
        self._enter(OutboxState.SHUT)
        self._queue = self._transport = None
        self._unread = False
        self.unpress()

    def _enter(self, state: OutboxState) -> None:
        if state not in TRANSITIONS[self._state]:
            raise AssertionError(f"an outbox can't go from {self._state.value} to {state.value}")
        self._state = state
        self._write, self._fd = NO_SOCKET  # in no other state is anything sent when it is put

    def _emptied(self) -> None:
        self._queue = None
        self._restore()

    def _restore(self) -> None:
        if self._transport is not None and self._queue is None and self._state is OutboxState.TAKING:
            self._write, self._fd = self._transport.direct_write

    def _sized(self) -> None:
        """Tell the others if the client is now behind or no longer, or leaves its answers unread."""
        queue = self._queue
        size, answers = (queue.size, queue.answers) if queue is not None else (0, 0)
        behind = self._pressed and size - answers > self._limits.behind
        if behind != self._behind:
            self._behind = behind
            pressure = self._limits.pressure
            (pressure.fell_behind if behind else pressure.caught_up)(self)
        if self._unread:
            if answers <= self._limits.unread // 2:
                self._unread = False
                self._port.start_reading()
        elif answers and answers > self._limits.unread:
            self._unread = True
            self._port.stop_reading()

    def _over(self) -> None:
        assert self._queue is not None
        self._limits.pressure.over_limit(self)
        policy, limit = self._limits.policy, self._limits.waiting
        dropped = policy.overflow(self._queue, self._limited - limit, self._limits.counters)
        if dropped is None:
            self.give_up()
            return
        if dropped and not self._dropped:
            self._dropped = True
            self._port.behind()
        self._sized()
        if self._limited > limit and self._queue.own > limit:
            self.give_up()


def put_all(outboxes: Iterable[Outbox], segment: Segment) -> None:
    """Put a segment into each outbox. Nearly all of the bridge's time goes here, so no method is called for each."""
    data, size = segment.data, len(segment.data)
    for outbox in outboxes:
        try:
            sent = outbox._write(data)
        except OSError:  # it is full; or broken, which the reader will find
            sent = 0
        if sent != size:
            outbox._keep(segment, sent)


def put_at_once(outboxes: Sequence[Outbox], segment: Segment, send_many: SendMany) -> None:
    """Put a segment into each outbox with one call of `send_many`, within what that can send.

    No `_keep` may yield or put into another outbox, because that one may have taken a part of the segment.
    """
    for which, sent in send_many([outbox._fd for outbox in outboxes], segment.data):
        outboxes[which]._keep(segment, sent)
