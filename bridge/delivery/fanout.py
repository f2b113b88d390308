"""A burst to its clients: each gets its share in one piece, and nobody waits for a slow one.

What is for all is the same bytes for all; see burst_encoder.py. With a history, messages have offsets and are stored
before they are sent, so that who comes back meanwhile misses none and gets none twice. Must not know how a
client is written to, nor where deliveries come from.

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
from bridge.delivery.write_buffer import AnswerSegment, Segment
from bridge.messages import Delivery, Texts
from bridge.wire.offsets import Offsets
from bridge.wire.socketio_packets import encode_event

__all__ = ["Fanout", "Recording"]

LONGEST_TURN = 0.0015  # seconds; then other green threads (pings, readers) have theirs
AT_ONCE = 8  # clients between two looks at the clock,
AT_ONCE_LITTLE = 64  # and when each is sent next to nothing: so many bytes
LITTLE = 1024
SEVERAL = 16  # clients for which sending to all of them at once is worth its preparation


@dataclass(frozen=True, slots=True)
class Recording:
    """What messages are numbered by and stored in. `wanted`: whether anybody could miss one."""

    offsets: Offsets
    history: History
    wanted: Callable[[], bool]


class Fanout:
    """`recording`: None if no client recovers; `keys_of`: None if no policy asks for keys; `snapshots`: None if
    who comes late is told nothing; `largest`: bytes that a client is sent at once, if it is more than one message;
    `send_many`: for `AT_ONCE_LITTLE` clients and `LITTLE` bytes; None if each is sent to by itself."""

    def __init__(
        self,
        audience: ClientRegistry,
        pressure: Backpressure,
        counters: Counters,
        *,
        recording: Recording | None = None,
        keys_of: KeysOfDelivery | None = None,
        snapshots: Snapshots | None = None,
        largest: int = LARGEST_SEGMENT,
        send_many: SendMany | None = None,
    ) -> None:
        self._audience, self._pressure, self._counters = audience, pressure, counters
        self._recording, self._keys_of, self._snapshots, self._largest = recording, keys_of, snapshots, largest
        self._send_many = send_many
        self._lock = threading.Lock()  # one at a time: a client has messages in the order of their offsets
        # Who is to have the last values, when nothing is being published: for all, or those of the user who it is.
        self._late: dict[tuple[str, bool], str | None] = {}
        self._turn_ends = 0.0

    def publish(self, deliveries: Sequence[Delivery | Texts], paced: bool = False) -> None:
        """Send all deliveries, in order. `paced`, for what the link brought: wait while every client is behind."""
        recording = self._recording
        with self._lock:
            self._turn_ends = time.monotonic() + LONGEST_TURN
            if self._snapshots is not None:
                self._snapshots.note(deliveries)
            if recording is not None and recording.wanted():
                shares = self._shares(deliveries, recording.offsets)
                recording.history.add(shares.stored)
                self._send_all(shares, self._audience.live, paced)
            if self._audience.plain:
                self._send_all(self._shares(deliveries, None), self._audience.plain, paced)
        self._catch_up_late()

    def tell(self, delivery: Delivery) -> None:
        """Send an event of the bridge's own, which has no offset, to whoever is there, late ones too. One that is for
        some answers what they did themselves."""
        data = encode_event(delivery.event, delivery.payload)
        if delivery.to is None:
            put_all(self._audience.everybody(), Segment(data))
        else:
            some = [outbox for sid in delivery.to if (outbox := self._audience.get(sid)) is not None]
            put_all(some, AnswerSegment(data))

    def catch_up(self, sid: str, user: str | None) -> None:
        """Send a client that came just now the last value of what is kept for all, or for this user, who it is.

        Not between two messages of a burst: what it would be told to have had by the offset is not all on its way.
        """
        if self._snapshots is not None:
            self._late[sid, user is None] = user
            self._catch_up_late()

    def _catch_up_late(self) -> None:
        while self._late and self._lock.acquire(blocking=False):  # else whoever has it does this afterwards
            try:
                while self._late:
                    first = next(iter(self._late))
                    self._send_last(first[0], self._late.pop(first))
            finally:
                self._lock.release()

    def _send_last(self, sid: str, user: str | None) -> None:
        outbox = self._audience.get(sid)
        if outbox is None or self._snapshots is None:
            return
        offset = b""
        if self._recording is not None and sid not in self._audience.plain:
            offsets, after = self._recording.offsets, self._audience.reached(sid)
            offset = offsets.text(offsets.next - 1 if after is None else after)
        for event, payload in self._snapshots.of(user):
            outbox.put(Segment(encode_event(event, payload, offset)))  # as the bridge's own: it is newest
            self._counters.count("deliveries")

    def _shares(self, deliveries: Sequence[Delivery | Texts], offsets: Offsets | None) -> BurstEncoder:
        shares = BurstEncoder(self._keys_of, offsets, self._largest)
        for delivery in deliveries:
            shares.add(delivery)
        return shares

    def _send_all(self, shares: BurstEncoder, outboxes: Mapping[str, Outbox], paced: bool) -> None:
        others: Iterable[Outbox] = outboxes.values()
        if shares.has_alone:
            there = dict(outboxes)  # who is there now: some may come and go between two turns
            for sids, segments in shares.alone():
                some = [outbox for sid in sids if (outbox := there.pop(sid, None)) is not None]
                if some:
                    self._send(segments, some, paced)
            others = there.values()
        if shares.has_common and others:
            self._send(shares.common(), list(others), paced)

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
