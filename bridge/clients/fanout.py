"""A burst to its clients: encode each message once, send it to whom it is for.

Must not know how a client is written to, nor where deliveries come from.

Use: `fanout.publish([Delivery("message", Payload.text("hi"))])`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence

from bridge.clients.packets import encode_event
from bridge.messages import Delivery
from bridge.tally import Tally

__all__ = ["Fanout"]

LONGEST_TURN = 0.002  # seconds; then other green threads (pings, readers) have theirs


class Fanout:
    """`send(sid, packets)` hands packets to one client; `clients()` are the sids of all."""

    def __init__(
        self,
        send: Callable[[str, Sequence[str | bytes]], None],
        clients: Callable[[], Collection[str]],
        tally: Tally,
    ) -> None:
        self._send, self._clients, self._tally = send, clients, tally

    def publish(self, deliveries: Sequence[Delivery]) -> None:
        """Send all deliveries, in order."""
        turn_ends = time.monotonic() + LONGEST_TURN
        for delivery in deliveries:
            to = tuple(self._clients()) if delivery.to is None else delivery.to
            if not to:
                continue
            packets = encode_event(delivery.event, delivery.payload)
            for sid in to:
                self._send(sid, packets)
            self._tally.count("deliveries", len(to))
            if time.monotonic() > turn_ends:
                time.sleep(0)
                turn_ends = time.monotonic() + LONGEST_TURN
