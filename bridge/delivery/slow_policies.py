"""Define the policies for slow clients, for which more waits than may, in one registry.

A policy has no state: what waits for a client is in the queue that the policy makes. Sans-IO. Must not know outboxes.

Use: `policy = POLICIES["drop-oldest"]`; `queue = policy.queue()`; `policy.overflow(queue, excess, counters)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bridge.counters import Counters
from bridge.delivery.send_queue import LatestSendQueue, SendQueue

__all__ = ["BEHIND", "POLICIES", "AnySendQueue", "SlowPolicy"]

#: Keeps what waits for one client.
AnySendQueue = SendQueue | LatestSendQueue

BEHIND = 256 * 1024  # a client is behind while more bytes wait for it: one largest segment of a burst
STALE = 16 * 1024  # bytes of superseded state that a client under `latest` may still be sent


class SlowPolicy:
    """Disconnects a client that is over its limit; the other policies differ from this one."""

    counter = "clients_slow"  # the counter of its work
    counts_for_backpressure = True  # whether the link may have to wait for a client that is behind
    keyed = False  # whether its queue needs the conflation keys of messages
    unsent = BEHIND  # unsent bytes that the kernel may keep for a client

    def queue(self) -> AnySendQueue:
        """Make an empty queue. Its `add` keeps a segment, and returns how many messages that superseded."""
        return SendQueue()

    def overflow(self, queue: AnySendQueue, excess: int, counters: Counters) -> int | None:
        """Handle `excess` bytes over the limit, without answers.

        Return how many messages were dropped, which are counted; None if the client is given up.
        """
        return None


class DropOldest(SlowPolicy):
    """Drops the oldest messages until the rest fits."""

    counter = "dropped_oldest"

    def overflow(self, queue: AnySendQueue, excess: int, counters: Counters) -> int | None:
        """See SlowPolicy."""
        dropped = queue.cut(excess)
        if dropped:
            counters.count("dropped_oldest", dropped)
        return dropped


class Latest(DropOldest):
    """Keeps the newest message of each key, and drops the keys that have had no news for longest."""

    counter = "dropped_superseded"
    counts_for_backpressure = False  # its messages are replaced by newer ones, so they get neither more nor stale
    keyed = True
    unsent = STALE  # what the kernel has can't be superseded any more

    def queue(self) -> AnySendQueue:
        """See SlowPolicy."""
        return LatestSendQueue()


POLICIES: Mapping[str, SlowPolicy] = MappingProxyType(
    {"disconnect": SlowPolicy(), "drop-oldest": DropOldest(), "latest": Latest()}
)
