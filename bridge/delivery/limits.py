"""How much may wait for one client, what is done about more, and who counts as behind: the same for all outboxes.

Must not know what is sent, nor to whom.

Use: `limits = Limits(1 << 20, "disconnect", tally)`; `limits.waiting`; `limits.backlog()`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.counters import Tally
from bridge.delivery.backpressure import Pressure
from bridge.delivery.write_buffer import Backlog, LatestBacklog

__all__ = ["BEHIND", "Limits"]

BEHIND = 256 * 1024  # bytes that wait for a client that counts as behind: a whole segment of a burst
STALE = 16 * 1024  # bytes of state that a client under `latest` is given at most after it was superseded


@dataclass(frozen=True, slots=True)
class Limits:
    """What all outboxes share. `size`: bytes that may wait for one client, the kernel's share included; an empty
    outbox takes any one segment. `policy`: "disconnect", "drop-oldest" or "latest"."""

    size: int
    policy: str
    tally: Tally
    pressure: Pressure = field(default_factory=Pressure)

    @property
    def unsent(self) -> int:
        """The kernel's share: what it may keep for a client before it is on its way."""
        # What the kernel has can't be superseded any more.
        return min(self.size // 4, STALE if self.policy == "latest" else BEHIND)

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

    def backlog(self) -> Backlog | LatestBacklog:
        """An empty one, for a client that is behind."""
        return LatestBacklog() if self.policy == "latest" else Backlog()
