"""A burst to its clients: each gets its share in one piece, and nobody waits for a slow one.

What is for all is the same bytes for all; see shares.py. Must not know how a client is written to,
nor where deliveries come from.

Use: `fanout.publish([Delivery("message", Payload.text("hi"))])`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

from bridge.clients.backlog import Segment
from bridge.clients.outbox import Outbox, put_all
from bridge.clients.pressure import Pressure
from bridge.clients.shares import KeysOf, Shares
from bridge.messages import Delivery, Texts
from bridge.tally import Tally

__all__ = ["Fanout"]

LONGEST_TURN = 0.0015  # seconds; then other green threads (pings, readers) have theirs
AT_ONCE = 8  # clients between two looks at the clock


class Fanout:
    """`outboxes` are those of all clients, by sid; `keys_of`: None if no policy asks for keys."""

    def __init__(
        self, outboxes: Mapping[str, Outbox], pressure: Pressure, tally: Tally, keys_of: KeysOf | None = None
    ) -> None:
        self._outboxes, self._pressure, self._tally, self._keys_of = outboxes, pressure, tally, keys_of
        self._turn_ends = 0.0

    def publish(self, deliveries: Sequence[Delivery | Texts], paced: bool = False) -> None:
        """Send all deliveries, in order. `paced`, for what the link brought: wait while every client is behind."""
        if not self._outboxes:
            return
        shares = Shares(self._keys_of)
        for delivery in deliveries:
            shares.add(delivery)
        self._turn_ends = time.monotonic() + LONGEST_TURN
        alone = set(shares.alone)
        for sid in alone:
            outbox = self._outboxes.get(sid)
            if outbox is not None:
                self._send(shares.of(sid), [outbox], paced)
        if shares.has_common:
            outboxes = self._outboxes
            others = [outboxes[sid] for sid in outboxes if sid not in alone] if alone else list(outboxes.values())
            self._send(shares.common(), others, paced)

    def _send(self, segments: Iterable[Segment], outboxes: Sequence[Outbox], paced: bool) -> None:
        for segment in segments:
            for at in range(0, len(outboxes), AT_ONCE):
                put_all(outboxes[at : at + AT_ONCE], segment)
                if time.monotonic() > self._turn_ends:
                    time.sleep(0)
                    self._turn_ends = time.monotonic() + LONGEST_TURN
            self._tally.count("deliveries", segment.count * len(outboxes))
            if paced and self._pressure.wait():
                self._tally.count("link_pauses")
