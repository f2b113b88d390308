"""What becomes of a client for which more has to wait than it may: the policies, in one registry.

A policy has no state: what waits for a client is in the buffer that its policy makes. Sans-IO. Must not know outboxes.

Use: `policy = POLICIES["drop-oldest"]`; `buffer = policy.buffer()`; `policy.overflow(buffer, excess, counters)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bridge.counters import Counters
from bridge.delivery.write_buffer import LatestWriteBuffer, WriteBuffer

__all__ = ["BEHIND", "POLICIES", "Buffer", "SlowPolicy"]

#: What waits for one client.
Buffer = WriteBuffer | LatestWriteBuffer

BEHIND = 256 * 1024  # bytes that wait for a client that counts as behind: a whole segment of a burst
STALE = 16 * 1024  # bytes of state that a client under `latest` is given at most after it was superseded


class SlowPolicy:
    """Disconnects the client; the others differ from this."""

    counter = "clients_slow"  # what says that it has been at work
    counts_for_backpressure = True  # whether the link may have to wait for a client that is behind
    keyed = False  # whether its buffer has to know what a newer message supersedes
    unsent = BEHIND  # bytes that the kernel may keep for a client before they are on their way

    def buffer(self) -> Buffer:
        """What is to wait goes in here by `add`, whose result is how many messages gave way to it at once."""
        return WriteBuffer()

    def overflow(self, buffer: Buffer, excess: int, counters: Counters) -> int | None:
        """So many bytes more than the limit wait, answers not counted: how many messages were dropped for it, which
        are counted. None: the client is given up."""
        return None


class DropOldest(SlowPolicy):
    """Drops the oldest messages until the rest fits."""

    counter = "dropped_oldest"

    def overflow(self, buffer: Buffer, excess: int, counters: Counters) -> int | None:
        """See SlowPolicy."""
        dropped = buffer.cut(excess)
        if dropped:
            counters.count("dropped_oldest", dropped)
        return dropped


class Latest(DropOldest):
    """Keeps the newest message of each key, and cuts the keys without news for longest."""

    counter = "dropped_superseded"
    counts_for_backpressure = False  # what waits gets no older by waiting, nor more
    keyed = True
    unsent = STALE  # what the kernel has can't be superseded any more

    def buffer(self) -> Buffer:
        """See SlowPolicy."""
        return LatestWriteBuffer()


POLICIES: Mapping[str, SlowPolicy] = MappingProxyType(
    {"disconnect": SlowPolicy(), "drop-oldest": DropOldest(), "latest": Latest()}
)
