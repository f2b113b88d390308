"""How much may wait for one client, what is done about more, and who counts as behind: the same for all outboxes.

Must not know what is sent, nor to whom.

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
    """What all outboxes share. `size`: bytes that may wait for one client, the kernel's share included; an empty
    outbox takes any one segment."""

    size: int
    policy: SlowPolicy
    counters: Counters
    pressure: Backpressure = field(default_factory=Backpressure)

    @property
    def unsent(self) -> int:
        """The kernel's share: what it may keep for a client before it is on its way."""
        return min(self.size // 4, self.policy.unsent)

    @property
    def waiting(self) -> int:
        """The rest."""
        return self.size - self.unsent

    @property
    def behind(self) -> int:
        """Bytes that wait for a client that counts as behind: before its limit, or its policy would come first."""
        return min(BEHIND, self.waiting // 2)

    @property
    def unread(self) -> int:
        """Bytes of answers, beside what the limit is for, that may wait for a client that is read."""
        return self.behind
