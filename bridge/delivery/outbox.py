"""What one client has still to be sent: its limit, and what becomes of a client that is over it.

A client without backlog is written to at once, and what its socket does not take waits here, as
references to bytes that all clients share. Nothing here blocks: whoever puts something into an
outbox never waits for that client. Whoever is over its limit is said to be so once: from then on nothing is
taken but the last frames, whatever is done on the way there. Must not know what is in a frame, nor sessions.

Use: `outbox = Outbox(port, limits); outbox.put(Segment(frame(b"2")))`; when writable: `outbox.flush()`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from bridge.delivery.client_port import NO_LINE, ClientPort, SendMany, Transport
from bridge.delivery.limits import Limits
from bridge.delivery.outbox_states import TRANSITIONS, OutboxState
from bridge.delivery.slow_policies import Buffer
from bridge.delivery.write_buffer import Segment

__all__ = ["Outbox", "put_all", "put_at_once"]


class Outbox:
    """One client's. Methods may be called from any green thread; none of them yields.

    `refill`: puts more when nothing waits any more, and says whether there is more still; None if nobody does.
    `moved`: is set when the client takes something that waited.
    """

    __slots__ = (
        "_backlog", "_behind", "_dropped", "_fd", "_limits", "_port", "_pressed", "_since", "_state", "_unread",
        "_wire", "_write", "moved", "refill",
    )  # fmt: skip

    def __init__(self, port: ClientPort, limits: Limits) -> None:
        self._port, self._limits = port, limits
        self._backlog: Buffer | None = None
        self._wire: Transport | None = None
        self._write, self._fd = NO_LINE  # the wire's, but while what is put has to wait
        self._state = OutboxState.TAKING
        self._since = 0.0  # when something began to wait
        self._behind = self._dropped = self._pressed = self._unread = self.moved = False
        self.refill: Callable[[], bool] | None = None

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return self._backlog.size if self._backlog else 0

    @property
    def answers(self) -> int:
        """How much of it is answers, which no limit is for."""
        return self._backlog.answers if self._backlog else 0

    @property
    def _limited(self) -> int:
        """How much of it the limit is for."""
        return self._backlog.size - self._backlog.answers if self._backlog else 0

    @property
    def stuck(self) -> bool:
        """Whether the client leaves its answers unread, and has taken nothing since `moved` was set to False."""
        return self._unread and not self.moved

    @property
    def age(self) -> float:
        """Seconds for which something has been waiting."""
        return time.monotonic() - self._since if self._backlog else 0.0

    @property
    def state(self) -> OutboxState:
        """What becomes of what is put."""
        return self._state

    def connect(self, wire: Transport) -> None:
        """From now on the client is reached by this; what waits still goes by the port."""
        self._wire = wire
        self._restore()

    def press(self) -> None:
        """From now on the link may have to wait for this client."""
        shut = self._state is OutboxState.SHUT
        if not shut and not self._pressed and self._limits.policy.counts_for_backpressure:
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
        if self._state is not OutboxState.TAKING:
            return
        was = self._add(segment, sent)
        if was and not segment.answers and self._limited > self._limits.waiting:
            self._over()

    def _add(self, segment: Segment, sent: int = 0) -> int:
        """Have it wait, whatever the limit; how much was waiting but for answers."""
        if self._backlog is None:
            self._write, self._fd = NO_LINE
            self._backlog = self._limits.policy.buffer()
            self._since, self._dropped = time.monotonic(), False
            self._port.blocked()
        was = self._limited
        dropped = self._backlog.add(segment, sent)
        if dropped:
            self._limits.counters.count("dropped_superseded", dropped)
        self._sized()
        return was

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
            self._advance(backlog, sent)
        self._emptied()
        return True

    def _advance(self, backlog: Buffer, sent: int) -> None:
        backlog.advance(sent)
        self.moved = True
        self._sized()
        if self._behind:
            self._limits.pressure.progress()

    def take(self, at_most: int) -> list[bytes]:
        """Whole segments for a client that fetches them, at least one if any waits."""
        taken: list[bytes] = []
        size = 0
        while self._backlog is not None and self._backlog.size and size < at_most:
            part = bytes(self._backlog.parts()[0])
            taken.append(part)
            size += len(part)
            self._advance(self._backlog, len(part))
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
        taking = self._state is OutboxState.TAKING
        return taking and self._backlog is None and self.refill is not None and self.refill()

    def start(self) -> None:
        """Have what `refill` puts, now and when nothing waits any more."""
        if self.fill():
            self._port.blocked()

    def give_up(self) -> None:
        """What is to be put next is no longer to be had, or it is too much: the client can't keep up."""
        if self._state is OutboxState.TAKING:
            self._enter(OutboxState.OVER)  # first: what its end puts here is not over the limit again
            self._port.too_slow()

    def seal(self, last: Segment | None = None) -> None:
        """These are the last frames, behind what waits; `flush` sends them. What is put from now on is thrown away."""
        self._enter(OutboxState.SEALED)
        if last is not None:
            self._add(last)

    def close(self) -> None:
        """Nothing is sent or kept any more. May be called twice."""
        if self._state is OutboxState.SHUT:
            return
        self._enter(OutboxState.SHUT)
        self._backlog = self._wire = None
        self._unread = False
        self.unpress()

    def _enter(self, state: OutboxState) -> None:
        if state not in TRANSITIONS[self._state]:
            raise AssertionError(f"an outbox can't go from {self._state.value} to {state.value}")
        self._state = state
        self._write, self._fd = NO_LINE  # none of the others takes what is put

    def _emptied(self) -> None:
        self._backlog = None
        self._restore()

    def _restore(self) -> None:
        if self._wire is not None and self._backlog is None and self._state is OutboxState.TAKING:
            self._write, self._fd = self._wire.line

    def _sized(self) -> None:
        """What waits has become more or less."""
        backlog = self._backlog
        size, answers = (backlog.size, backlog.answers) if backlog is not None else (0, 0)
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
        assert self._backlog is not None
        self._limits.pressure.over_limit(self)
        policy, limit = self._limits.policy, self._limits.waiting
        dropped = policy.overflow(self._backlog, self._limited - limit, self._limits.counters)
        if dropped is None:
            self.give_up()
            return
        if dropped and not self._dropped:
            self._dropped = True
            self._port.behind()
        self._sized()
        if self._limited > limit and self._backlog.own > limit:
            self.give_up()


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
