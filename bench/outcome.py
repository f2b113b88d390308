"""What was measured: one outcome of the load generator, and cells of medians and ranges.

Must not know how it is measured or shown.

Use: `outcome = Outcome(**json.loads(line)); if not outcome.problem: …`.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field

__all__ = ["Cell", "Outcome", "Run", "Spread", "spread"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line of the generator's. Seconds of time and of processor time; counts of messages."""

    work: str
    clients: int
    seconds: float
    server_cpu: float
    generator_cpu: float
    bytes: int
    delivered: int
    arrived: int
    acked: int
    refused: int
    lost: int
    repeated: int
    malformed: int
    closed: int
    failed: int
    stalled: bool
    fed_seconds: float = 0.0
    latency_ms: dict[str, float] = field(default_factory=dict)

    @property
    def problem(self) -> str:
        """Why this is no measurement: "12 lost, 3 clients closed". Empty if it is one."""
        counts = {
            "lost": self.lost,
            "repeated or out of order": self.repeated,
            "malformed": self.malformed,
            "refused": self.refused,
            "clients closed": self.closed,
            "connections failed": self.failed,
        }
        found = [f"{count} {what}" for what, count in counts.items() if count]
        return ", ".join(found + ["stalled"] * self.stalled)


@dataclass(frozen=True, slots=True)
class Run:
    """What one contestant did in one repeat of one work with so many clients; `problem` if it failed."""

    work: str
    contestant: str
    clients: int
    repeat: int
    values: dict[str, float] = field(default_factory=dict)
    latency_ms: dict[str, float] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, least and most of some repeats."""

    median: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Cell:
    """All repeats of one work, contestant and number of clients."""

    runs: tuple[Run, ...]

    @property
    def problem(self) -> str:
        """The first one that a repeat had."""
        return next((run.problem for run in self.runs if run.problem), "")

    def value(self, name: str) -> Spread | None:
        """This value over the repeats that have it."""
        return spread(run.values[name] for run in self.runs if name in run.values and not run.problem)

    def latency(self, percentile: str) -> Spread | None:
        """This percentile over the repeats, in milliseconds."""
        return spread(run.latency_ms[percentile] for run in self.runs if percentile in run.latency_ms)


def spread(values: Iterable[float]) -> Spread | None:
    """None for no values."""
    known = sorted(values)
    return Spread(statistics.median(known), known[0], known[-1]) if known else None
