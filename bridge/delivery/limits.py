"""Define how much may wait for one client, what is done about more, and when a client is behind.

All outboxes share these limits. Must not know what is sent, nor to whom.

Use: `limits = Limits(1 << 20, POLICIES["disconnect"], counters)`; `limits.waiting`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.counters import Counters
from bridge.delivery.backpressure import Backpressure
from bridge.delivery.slow_policies import BEHIND, SlowPolicy

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of every outbox.

    `size`: bytes that may wait for one client, including the kernel's share; an empty outbox takes any one segment.
    `policy`: what becomes of a client over its limit; `pressure`: is told which clients are behind.
    """

    size: int
    policy: SlowPolicy
    counters: Counters
    pressure: Backpressure = field(default_factory=Backpressure)

    @property
    def unsent(self) -> int:
        """The kernel's share: unsent bytes that it may keep for a client."""
        return min(self.size // 4, self.policy.unsent)

    @property
    def waiting(self) -> int:
        """The outbox's share: bytes that may wait in it."""
        return self.size - self.unsent

    @property
    def behind(self) -> int:
        """Bytes over which a client is behind: fewer than its limit, so that the link waits before the policy acts."""
        return min(BEHIND, self.waiting // 2)

    @property
    def unread(self) -> int:
        """Bytes of answers over which a client is not read. They do not count against the limit."""
        return self.behind
