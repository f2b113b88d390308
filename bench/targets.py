"""What is asked of the bridge, as ratios of what one run measured, and what was reached.

Must not know how a figure is written.

Use: `for target in TARGETS: print(target.verdict(results))`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from bench.results import Results

__all__ = ["OURS", "TARGETS", "Target", "counters"]

OURS = "ours"
LEVEL = 0.95  # of another's figure: level with it
WORDS = {True: "reached", False: "not reached", None: "not measured"}


@dataclass(frozen=True, slots=True)
class Target:
    """One figure of the bridge's, divided by the contestant `of`'s unless that is empty.

    `must` and `aim`: the figure is to be at least that, or with `at_most` at most that.
    """

    work: str
    clients: int
    value: str
    of: str = ""
    must: float | None = None
    aim: float | None = None
    at_most: bool = False

    def words(self, write: Callable[[float], str]) -> str:
        """`>= 0.7, aim >= 0.85`."""
        bound = "<=" if self.at_most else ">="
        bounds = (("", self.must), ("aim ", self.aim))
        return ", ".join(f"{kind}{bound} {write(value)}" for kind, value in bounds if value is not None)

    def figure(self, results: Results) -> float | None:
        """None if it was not measured."""
        own = results.median(self.work, OURS, self.clients, self.value)
        other = results.median(self.work, self.of, self.clients, self.value) if self.of else 1.0
        return own / other if own is not None and other else None

    def reached(self, results: Results, bound: float) -> bool | None:
        """None if it was not measured; nothing is reached if one of the bridge's repeats had a problem."""
        if results.cell(self.work, OURS, self.clients).problem:
            return False
        figure = self.figure(results)
        if figure is None:
            return None
        return figure <= bound if self.at_most else figure >= bound

    def verdict(self, results: Results) -> str:
        """`reached, the aim not`, `not reached`, `aim reached`, `not measured`, …"""
        must, aim = (None if bound is None else self.reached(results, bound) for bound in (self.must, self.aim))
        if self.must is None:
            return f"aim {WORDS[aim]}"
        if not must or aim is None:
            return WORDS[must]
        return "reached, the aim too" if aim else "reached, the aim not"


def counters(results: Results) -> str:
    """`Targets: 12 reached, 1 not reached, 3 not measured. Aims: …`"""
    musts = [target.reached(results, target.must) for target in TARGETS if target.must is not None]
    aims = [target.reached(results, target.aim) for target in TARGETS if target.aim is not None]
    return f"Targets: {_counts(musts)}. Aims: {_counts(aims)}."


def _counts(found: Iterable[bool | None]) -> str:
    counts = Counter(found)
    return ", ".join(f"{counts[key]} {words}" for key, words in WORDS.items() if counts[key])


def _per_second(
    work: str, clients: int, of: str, must: float | None = None, *, aim: float | None = None, value: str = "per_second"
) -> Target:
    return Target(work, clients, value, of, must, aim)


_at_most = partial(Target, at_most=True)

TARGETS = (
    _per_second("burst-64", 1, "node", 10),
    _per_second("burst-64", 1, "go-joined", aim=LEVEL),
    _per_second("burst-64", 10, "node", 80),
    _per_second("burst-64", 10, "go-joined", aim=1),
    _per_second("burst-64", 100, "limit", 0.7, aim=0.85),
    _per_second("burst-64", 100, "node", 200),
    _per_second("burst-64", 100, "node-joined", aim=1),
    _per_second("burst-64", 100, "go-joined", aim=1),
    _per_second("burst-512", 100, "limit", 0.75, aim=0.9),
    _per_second("burst-512", 100, "node", 40),
    _per_second("users-64", 100, "node", 10, aim=20),
    *(_per_second("burst-64", clients, "ours-off", 0.9, value="bytes") for clients in (1, 10, 100, 500)),
    _per_second("users-64", 100, "ours-off", 0.9, value="bytes"),
    _at_most("rate-1000", 100, "p99", "limit", 2, 1.5),
    _at_most("rate-1000", 100, "p99", "node", 1),
    _at_most("rate-1000", 100, "core", "node", 0.75, 0.6),
    _at_most("rate-60", 200, "p99", "node", 1),
    _at_most("rate-60", 200, "core", "node", 0.7),
    _at_most("rate-60", 200, "core", "go", None, 1),
    _per_second("events", 50, "node", 1.5, aim=4),
    _per_second("events-ack", 50, "node", 1.5, aim=4),
    *(
        _at_most("round-trip", clients, value, "node", 1)
        for clients in (1, 20, 100)
        for value in ("p50", "p99", "core")
    ),
    _at_most("idle", 10000, "memory", must=5000, aim=2500),
    _per_second("idle", 1000, "plain", 1.5, value="connections"),
    _per_second("idle", 10000, "plain", 1.5, value="connections"),
    _per_second("idle", 10000, "node", aim=1, value="connections"),
    _at_most("idle", 10000, "pinged", must=0.1, aim=0.03),
)
