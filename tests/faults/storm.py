"""Faults of a random kind, one after the other, on a script that its seed decides.

Use: `with Storm(proxy, seed=7, pause=0.5) as storm: …`; it ends with everything healed; `storm.struck` counts.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count, islice
from random import Random
from typing import Self

from tests.faults.proxy import CLEAR, DOWN, UP, Condition, Line, Proxy
from tests.waiting import PATIENCE

__all__ = ["KINDS", "Fault", "Storm", "script"]

#: Kinds that last, with the longest that each takes, in seconds, and those that end a connection.
LASTING = {"delay": 2.0, "throttle": 2.0, "single bytes": 1.0, "black hole": 6.0}
ENDING = ("cut", "reset")
KINDS = (*LASTING, *ENDING)

_KILOBYTE = 1000  # bytes a second of what is throttled
_DIRECTIONS = ((UP,), (DOWN,), (UP, DOWN))


@dataclass(frozen=True, slots=True)
class Fault:
    """`wait`: seconds from the last one to this; `lasts`: seconds; `share`: of the connections, one at least;
    `choice`: the seed of which ones."""

    wait: float
    kind: str
    lasts: float
    ways: tuple[str, ...]
    share: float
    condition: Condition
    choice: int


def script(seed: int, pause: float, kinds: Sequence[str] = KINDS, longest: float = 6.0) -> Iterator[Fault]:
    """Faults without an end, `pause` seconds apart on average, each `longest` seconds long at most.

    Each round has every kind once.
    """
    random = Random(seed)
    for kind in chain.from_iterable(random.sample(kinds, len(kinds)) for _ in count()):
        lasts = random.uniform(0.2, min(longest, LASTING.get(kind, 0.2)))
        conditions = {
            "delay": Condition(delay=random.uniform(0.01, 0.5)),
            "throttle": Condition(rate=_KILOBYTE),
            "single bytes": Condition(single=True),
            "black hole": Condition(stopped=True),
        }
        yield Fault(
            wait=random.expovariate(1 / pause) if pause else 0.0,
            kind=kind,
            lasts=lasts,
            ways=random.choice(_DIRECTIONS),
            share=random.choice([0.0, 0.0, 0.1, 0.3, 1.0]),
            condition=conditions.get(kind, CLEAR),
            choice=random.getrandbits(32),
        )


class Storm:
    """Runs a script on a thread. `faults`: how many there were; `struck`: how often each kind hit a connection."""

    def __init__(
        self, proxy: Proxy, seed: int, pause: float = 1.0, kinds: Sequence[str] = KINDS, longest: float = 6.0
    ) -> None:
        self._proxy, self._script = proxy, script(seed, pause, kinds, longest)
        self.struck: Counter[str] = Counter()
        self.faults = 0
        self._healing: list[tuple[float, Line]] = []
        self._ended = threading.Event()
        print(f"seed {seed} of {', '.join(kinds)}", flush=True)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """No more of it."""
        self._ended.set()
        self._thread.join(PATIENCE)
        self._proxy.heal()

    def wait_for(self, count: int, timeout: float = PATIENCE) -> None:
        """Until so many faults of the script have been there, also those that found no connection."""
        until = time.monotonic() + timeout
        while self.faults < count:
            assert time.monotonic() < until, f"only {self.faults} faults within {timeout} s"
            self._ended.wait(0.02)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _run(self) -> None:
        for fault in self._script:
            strikes_at = time.monotonic() + fault.wait
            while (now := time.monotonic()) < strikes_at:
                self._heal(now)
                if self._ended.wait(min([strikes_at, *(at for at, _ in self._healing)]) - now):
                    return
            self._strike(fault)

    def _strike(self, fault: Fault) -> None:
        lines = self._proxy.lines
        Random(fault.choice).shuffle(lines)
        self.faults += 1
        for line in islice(lines, max(1, round(fault.share * len(lines)))):
            self.struck[fault.kind] += 1
            if fault.kind == "cut":
                line.cut(fault.ways[0])
            elif fault.kind == "reset":
                line.reset()
            else:
                line.set(fault.condition, *fault.ways)
                self._healing.append((time.monotonic() + fault.lasts, line))

    def _heal(self, now: float) -> None:
        for at, line in [due for due in self._healing if due[0] <= now]:
            self._healing.remove((at, line))
            line.set(CLEAR)
