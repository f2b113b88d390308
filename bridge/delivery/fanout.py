"""Send each burst to its clients: each client gets its messages in one piece, and nobody waits for a slow one.

Messages for everybody are the same bytes for all clients; see burst_encoder.py. With a history, messages have offsets
and are stored before they are sent, so that a client that comes back meanwhile misses none and gets none twice. Must
not know how a client is written to, nor where deliveries come from.

Use: `fanout.publish([Delivery("message", Payload.text("hi"))])`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bridge.counters import Counters
from bridge.delivery.backpressure import Backpressure
from bridge.delivery.batch import LARGEST_SEGMENT
from bridge.delivery.burst_encoder import BurstEncoder, KeysOfDelivery
from bridge.delivery.client_port import SendMany
from bridge.delivery.client_registry import ClientRegistry
from bridge.delivery.history import History
from bridge.delivery.outbox import Outbox, put_all, put_at_once
from bridge.delivery.snapshots import Snapshots
from bridge.messages import Delivery, Payload, Texts
from bridge.wire.offsets import Offsets
from bridge.wire.segment import AnswerSegment, Segment
from bridge.wire.socketio_packets import encode_event

__all__ = ["Fanout", "Recording"]

LONGEST_TURN = 0.0015  # seconds; then other green threads (pings, readers) run
AT_ONCE = 8  # clients between two looks at the clock
AT_ONCE_LITTLE = 64  # the same, if each client is sent at most LITTLE bytes
LITTLE = 1024
SEVERAL = 16  # clients from which one call for all is worth its preparation


@dataclass(frozen=True, slots=True)
class Recording:
    """Numbers messages and stores them. `wanted`: tells whether any client could miss one."""

    offsets: Offsets
    history: History
    wanted: Callable[[], bool]


class Fanout:
    """Sends deliveries to clients.

    `recording`: None if no client recovers; `keys_of`: None if no policy asks for keys; `snapshots`: None if none are
    kept; `largest`: bytes that a client is sent at once, unless one message is larger; `send_many`: takes
    `AT_ONCE_LITTLE` clients and `LITTLE` bytes; None if each client is sent to by itself.
    """

    def __init__(
        self,
        clients: ClientRegistry,
        pressure: Backpressure,
        counters: Counters,
        *,
        recording: Recording | None = None,
        keys_of: KeysOfDelivery | None = None,
        snapshots: Snapshots | None = None,
        largest: int = LARGEST_SEGMENT,
        send_many: SendMany | None = None,
    ) -> None:
        self._clients, self._pressure, self._counters = clients, pressure, counters
        self._recording, self._keys_of, self._snapshots, self._largest = recording, keys_of, snapshots, largest
        self._send_many = send_many
        self._lock = threading.Lock()  # one burst at a time: a client gets messages in the order of their offsets
        # (sid, whether for everybody) -> user: who is to be sent last values as soon as nothing is being published.
        self._late: dict[tuple[str, bool], str | None] = {}
        self._turn_ends = 0.0

    def publish(self, deliveries: Sequence[Delivery | Texts], paced: bool = False) -> None:
        """Send all deliveries, in order. `paced`, for messages of the link: wait while every client is behind."""
        recording = self._recording
        with self._lock:
            self._turn_ends = time.monotonic() + LONGEST_TURN
            if self._snapshots is not None:
                self._snapshots.note(deliveries)
            if recording is not None and recording.wanted():
                encoder = self._encoded(deliveries, recording.offsets)
                recording.history.add(encoder.stored)
                self._send_all(encoder, self._clients.live, paced)
            if self._clients.plain:
                self._send_all(self._encoded(deliveries, None), self._clients.plain, paced)
        self._catch_up_late()

    def tell(self, delivery: Delivery) -> None:
        """Send an event of the bridge's own, which has no offset, also to clients that are catching up.

        An event with `to` counts as an answer: these clients have caused it themselves.
        """
        data = encode_event(delivery.event, delivery.payload)
        if delivery.to is None:
            put_all(self._clients.everybody(), Segment(data))
        else:
            some = [outbox for sid in delivery.to if (outbox := self._clients.get(sid)) is not None]
            put_all(some, AnswerSegment(data))

    def tell_apart(self, delivery: Delivery, others: Payload) -> None:
        """Send an event of the bridge's own to all: to those whom it names its payload, and to all others theirs."""
        named = [outbox for sid in delivery.to or () if (outbox := self._clients.get(sid)) is not None]
        known = {id(outbox) for outbox in named}
        put_all(named, Segment(encode_event(delivery.event, delivery.payload)))
        rest = [outbox for outbox in self._clients.everybody() if id(outbox) not in known]
        put_all(rest, Segment(encode_event(delivery.event, others)))

    def catch_up(self, sid: str, user: str | None) -> None:
        """Send a client the last values: those for everybody (`user` None), or those for its user.

        Never in the middle of a burst: the offset would claim messages that were not sent.
        """
        if self._snapshots is not None:
            self._late[sid, user is None] = user
            self._catch_up_late()

    def _catch_up_late(self) -> None:
        while self._late and self._lock.acquire(blocking=False):  # otherwise its holder does this afterwards
            try:
                while self._late:
                    first = next(iter(self._late))
                    self._send_last(first[0], self._late.pop(first))
            finally:
                self._lock.release()

    def _send_last(self, sid: str, user: str | None) -> None:
        outbox = self._clients.get(sid)
        if outbox is None or self._snapshots is None:
            return
        offset = b""
        if self._recording is not None and sid not in self._clients.plain:
            offsets, after = self._recording.offsets, self._clients.reached(sid)
            offset = offsets.text(offsets.next - 1 if after is None else after)
        for event, payload in self._snapshots.of(user):
            # As a packet of the bridge's own: no policy may drop a part of a state.
            outbox.put(Segment(encode_event(event, payload, offset)))
            self._counters.count("deliveries")

    def _encoded(self, deliveries: Sequence[Delivery | Texts], offsets: Offsets | None) -> BurstEncoder:
        encoder = BurstEncoder(self._keys_of, offsets, self._largest)
        for delivery in deliveries:
            encoder.add(delivery)
        return encoder

    def _send_all(self, encoder: BurstEncoder, outboxes: Mapping[str, Outbox], paced: bool) -> None:
        others: Iterable[Outbox] = outboxes.values()
        if encoder.has_alone:
            there = dict(outboxes)  # a copy: clients may come and go between two turns
            for sids, segments in encoder.alone():
                some = [outbox for sid in sids if (outbox := there.pop(sid, None)) is not None]
                if some:
                    self._send(segments, some, paced)
            others = there.values()
        if encoder.has_common and others:
            self._send(encoder.common(), list(others), paced)

    def _send(self, segments: Iterable[Segment], outboxes: Sequence[Outbox], paced: bool) -> None:
        for segment in segments:
            little = len(segment.data) <= LITTLE
            at_once = AT_ONCE_LITTLE if little else AT_ONCE
            for at in range(0, len(outboxes), at_once):
                some = outboxes[at : at + at_once]
                if little and len(some) >= SEVERAL and self._send_many is not None:
                    put_at_once(some, segment, self._send_many)
                else:
                    put_all(some, segment)
                if time.monotonic() > self._turn_ends:
                    time.sleep(0)
                    self._turn_ends = time.monotonic() + LONGEST_TURN
            self._counters.count("deliveries", segment.count * len(outboxes))
            if paced and self._pressure.wait():
                self._counters.count("link_pauses")
